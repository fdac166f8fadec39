//! Numbers, sizes and times as text for people.

use std::time::Duration;

/// `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 byte`, `1,048,576 bytes`: exact.
pub fn bytes(value: u64) -> String {
    if value == 1 {
        "1 byte".to_owned()
    } else {
        format!("{} bytes", count(value))
    }
}

/// `812 B`, `3.07 MB`: three digits, decimal units.
pub fn size(value: f64) -> String {
    scaled(value, 1000.0, &["B", "kB", "MB", "GB", "TB"])
}

/// `740 ns`, `14.2 µs`, `1.20 s`: three digits.
pub fn duration(value: Duration) -> String {
    scaled(value.as_nanos() as f64, 1000.0, &["ns", "µs", "ms", "s"])
}

/// `0.71x`, `5.51x`, `54.6x`, `187x`.
pub fn times(value: f64) -> String {
    if value.is_finite() {
        format!("{}x", digits(value))
    } else {
        "n/a".to_owned()
    }
}

/// Three significant digits, at most two of them decimals.
pub fn digits(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude < 9.995 => format!("{value:.2}"),
        magnitude if magnitude < 99.95 => format!("{value:.1}"),
        magnitude if magnitude < 999.5 => format!("{value:.0}"),
        _ => count(value.round() as u64),
    }
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let (mut value, mut unit) = (value, 0);
    while value >= step * 0.9995 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    // The smallest unit has no decimals.
    if unit == 0 {
        format!("{value:.0} {}", units[0])
    } else {
        format!("{} {}", digits(value), units[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let check = |value, expected: &str| assert_eq!(count(value), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(1_048_576, "1,048,576");
        check(u64::MAX, "18,446,744,073,709,551,615");
    }

    #[test]
    fn sizes_keep_three_digits() {
        let check = |value: f64, expected: &str| assert_eq!(size(value), expected);
        check(0.0, "0 B");
        check(812.0, "812 B");
        check(999.9, "1.00 kB");
        check(3_066_000.0, "3.07 MB");
        check(30_660_000.0, "30.7 MB");
    }

    #[test]
    fn durations_keep_three_digits() {
        let check = |value, expected: &str| assert_eq!(duration(Duration::from_nanos(value)), expected);
        check(0, "0 ns");
        check(740, "740 ns");
        check(14_230, "14.2 µs");
        check(1_200_000_000, "1.20 s");
        check(120_000_000_000, "120 s");
    }

    #[test]
    fn ratios_keep_three_digits() {
        let check = |value: f64, expected: &str| assert_eq!(times(value), expected);
        check(0.712, "0.71x");
        check(9.996, "10.0x");
        check(54.61, "54.6x");
        check(999.7, "1,000x");
        check(f64::INFINITY, "n/a");
        check(f64::NAN, "n/a");
    }
}
