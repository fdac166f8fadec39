//! A schedule of records at even spacing, and a thread that waits for the next one.

use std::time::{Duration, Instant};

/// When the record at `index` is due, from the first one on, at `rate` records per second.
///
/// The schedule is absolute, so that a late record does not delay the records after it.
pub fn due(index: u64, rate: u64) -> Duration {
    let nanos = u128::from(index) * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Blocks the calling thread until `due`. Returns at once if that time has passed.
pub fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}

/// Asks Linux to wake the calling thread at the time asked for, instead of up to 50 µs later.
///
/// # Errors
/// The system's error, if it has no such setting.
#[cfg(target_os = "linux")]
pub fn wake_on_time() -> std::io::Result<()> {
    Ok(rustix::thread::set_current_timer_slack(
        std::num::NonZeroU64::new(1),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_evenly_spaced_and_do_not_drift() {
        assert_eq!(due(0, 3000), Duration::ZERO);
        assert_eq!(due(1, 3000), Duration::from_nanos(333_333));
        assert_eq!(due(3_000_000, 3000), Duration::from_secs(1000));
        let spaced: Vec<u128> = (0..6).map(|index| due(index, 3).as_millis()).collect();
        assert_eq!(spaced, [0, 333, 666, 1_000, 1_333, 1_666]);
    }
}
