//! The text form of latencies, both ways, and of durations.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::distribution::{Body, Latency, Percentile, Stall, nanos};
use super::error::{DELAY_MAX, DurationError, LatencyError};

/// Reads a duration such as `250us`, `5ms`, `1.5s`, `2m` or `0`.
///
/// # Errors
/// If the text is not a non-negative decimal number followed by one of the units ns, us, ms, s, m
/// or h, or is longer than some 580 years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError {
        given: text.to_owned(),
    };
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(error)?;
    let (number, unit) = text.split_at(unit_at);
    let unit_nanos: u64 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(error()),
    };
    // Whole numbers exactly; fractions through a float, which is exact to the nanosecond for every
    // sane delay.
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(unit_nanos)
            .map(Duration::from_nanos)
            .ok_or_else(error);
    }
    let number: f64 = number.parse().map_err(|_| error())?;
    let count = number * unit_nanos as f64;
    if count < u64::MAX as f64 {
        Ok(nanos(count))
    } else {
        Err(error())
    }
}

impl FromStr for Latency {
    type Err = LatencyError;

    fn from_str(text: &str) -> Result<Self, LatencyError> {
        let text = text.trim();
        if let Some(stall) = text.strip_prefix("stall:") {
            return parse_stall(Self::default(), stall);
        }
        match text.split_once("+stall:") {
            Some((body, stall)) => parse_stall(parse_body(body)?, stall),
            None => parse_body(text),
        }
    }
}

fn parse_body(text: &str) -> Result<Latency, LatencyError> {
    let Some((kind, fields)) = text.split_once(':') else {
        return match parse_duration(text) {
            Ok(delay) if delay > DELAY_MAX => Err(LatencyError::TooLong {
                field: "the delay",
                delay,
            }),
            Ok(delay) => Ok(Latency::fixed(delay)),
            Err(error) if text.starts_with(|c: char| c.is_ascii_digit()) => Err(error.into()),
            Err(_) => Err(LatencyError::Unknown {
                given: text.to_owned(),
            }),
        };
    };
    match kind {
        "fixed" => parse_body(fields),
        "uniform" => {
            let needs = LatencyError::Missing {
                kind: "uniform",
                field: "two delays, as in uniform:1ms..9ms",
            };
            let (min, max) = fields.split_once("..").ok_or(needs)?;
            Latency::uniform(parse_duration(min)?, parse_duration(max)?)
        }
        "lognormal" => {
            let mut fields = Fields::parse("lognormal", "p50, p99 and max", fields)?;
            let (p50, p99) = (fields.need("p50")?, fields.need("p99")?);
            let max = fields.take("max")?.unwrap_or(DELAY_MAX);
            fields.done()?;
            Latency::log_normal_capped(p50, p99, max)
        }
        "pareto" => {
            let mut fields = Fields::parse("pareto", "min, p99 and max", fields)?;
            let (min, p99) = (fields.need("min")?, fields.need("p99")?);
            let max = fields.take("max")?.unwrap_or(DELAY_MAX);
            fields.done()?;
            Latency::pareto_capped(min, p99, max)
        }
        "percentiles" => parse_percentiles(fields),
        _ => Err(LatencyError::Unknown {
            given: text.to_owned(),
        }),
    }
}

fn parse_percentiles(text: &str) -> Result<Latency, LatencyError> {
    let mut fields = Fields::parse("percentiles", "p<number> (p50, p99.9), min and max", text)?;
    let min = fields.take("min")?.unwrap_or_default();
    let max = fields.take("max")?;
    let mut rows = Vec::new();
    for &(name, value) in &fields.pairs {
        let percent = name.strip_prefix('p').and_then(|number| number.parse().ok());
        let Some(percent) = percent else {
            return Err(fields.unknown(name));
        };
        rows.push(Percentile {
            percent,
            delay: parse_duration(value)?,
        });
    }
    Latency::percentiles_between(rows, min, max)
}

fn parse_stall(body: Latency, text: &str) -> Result<Latency, LatencyError> {
    let mut fields = Fields::parse("stall", "every and for", text)?;
    let (every, length) = (fields.need("every")?, fields.need("for")?);
    fields.done()?;
    body.with_stalls(every, length)
}

/// The `name=value` pairs of one distribution, taken out one by one.
struct Fields<'a> {
    kind: &'static str,
    takes: &'static str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    fn parse(kind: &'static str, takes: &'static str, text: &'a str) -> Result<Self, LatencyError> {
        let mut fields = Self {
            kind,
            takes,
            pairs: Vec::new(),
        };
        for field in text.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            let Some((name, value)) = field.split_once('=') else {
                return Err(fields.unknown(field));
            };
            if fields.pairs.iter().any(|pair| pair.0 == name) {
                return Err(LatencyError::Twice {
                    kind,
                    field: name.to_owned(),
                });
            }
            fields.pairs.push((name, value));
        }
        Ok(fields)
    }

    fn take(&mut self, name: &'static str) -> Result<Option<Duration>, LatencyError> {
        let Some(index) = self.pairs.iter().position(|pair| pair.0 == name) else {
            return Ok(None);
        };
        Ok(Some(parse_duration(self.pairs.remove(index).1)?))
    }

    fn need(&mut self, name: &'static str) -> Result<Duration, LatencyError> {
        self.take(name)?.ok_or(LatencyError::Missing {
            kind: self.kind,
            field: name,
        })
    }

    fn done(&self) -> Result<(), LatencyError> {
        self.pairs
            .first()
            .map_or(Ok(()), |pair| Err(self.unknown(pair.0)))
    }

    fn unknown(&self, given: &str) -> LatencyError {
        LatencyError::UnknownField {
            kind: self.kind,
            given: given.to_owned(),
            fields: self.takes,
        }
    }
}

impl fmt::Display for Latency {
    /// The text form: parsing it gives the same latency.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capped = |f: &mut fmt::Formatter<'_>, max: Duration| {
            if max == DELAY_MAX {
                Ok(())
            } else {
                write!(f, ",max={max:?}")
            }
        };
        match &self.body {
            Body::Fixed(Duration::ZERO) => f.write_str("0")?,
            Body::Fixed(delay) => write!(f, "{delay:?}")?,
            Body::Uniform { min, max } => write!(f, "uniform:{min:?}..{max:?}")?,
            Body::LogNormal { p50, p99, max } => {
                write!(f, "lognormal:p50={p50:?},p99={p99:?}")?;
                capped(f, *max)?;
            }
            Body::Pareto { min, p99, max } => {
                write!(f, "pareto:min={min:?},p99={p99:?}")?;
                capped(f, *max)?;
            }
            Body::Percentiles { rows, min, max } => {
                write!(f, "percentiles:min={min:?}")?;
                for row in rows {
                    write!(f, ",p{}={:?}", row.percent, row.delay)?;
                }
                if let Some(max) = max {
                    write!(f, ",max={max:?}")?;
                }
            }
        }
        match self.stall {
            None => Ok(()),
            Some(Stall { every, length }) => write!(f, "+stall:every={every:?},for={length:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0")]
    #[case("5ms")]
    #[case("uniform:1ms..9ms")]
    #[case("lognormal:p50=2ms,p99=40ms")]
    #[case("lognormal:p50=2ms,p99=40ms,max=1s")]
    #[case("pareto:min=1ms,p99=40ms,max=2s")]
    #[case("percentiles:min=1ms,p50=2ms,p99.9=40ms,max=1s")]
    #[case("1.5ms+stall:every=1s,for=50ms")]
    fn the_text_form_survives_a_round_trip(#[case] text: &str) {
        let latency: Latency = text.parse().unwrap();
        assert_eq!(latency.to_string(), text);
        assert_eq!(latency.to_string().parse::<Latency>().unwrap(), latency);
    }

    #[rstest]
    #[case("0", 0)]
    #[case("250us", 250_000)]
    #[case("250µs", 250_000)]
    #[case("7ns", 7)]
    #[case("1.5s", 1_500_000_000)]
    #[case("2m", 120_000_000_000)]
    #[case("1h", 3_600_000_000_000)]
    fn durations_are_read(#[case] text: &str, #[case] nanos: u64) {
        assert_eq!(parse_duration(text).unwrap(), Duration::from_nanos(nanos));
    }

    #[rstest]
    #[case("5")]
    #[case("")]
    #[case("ms")]
    #[case("-5ms")]
    #[case("5 parsecs")]
    #[case("1.2.3s")]
    #[case("99999999999999999999h")]
    #[case("1e3ms")]
    fn what_is_no_duration_is_refused(#[case] text: &str) {
        assert!(
            parse_duration(text)
                .unwrap_err()
                .to_string()
                .contains("is not a duration: write a number")
        );
    }

    #[rstest]
    #[case("gauss:5ms", "unknown latency \"gauss:5ms\"")]
    #[case("fast", "unknown latency \"fast\"")]
    #[case("5", "\"5\" is not a duration")]
    #[case("2h", "the delay is 7200s: the longest delay is 3600s")]
    #[case("uniform:9ms..1ms", "min (9ms) is above max (1ms)")]
    #[case("uniform:9ms", "uniform needs two delays, as in uniform:1ms..9ms")]
    #[case("lognormal:p50=2ms", "lognormal needs p99")]
    #[case("lognormal:p50=0,p99=1ms", "p50 is 0")]
    #[case("lognormal:p50=3ms,p99=1ms", "p50 (3ms) is above p99 (1ms)")]
    #[case("lognormal:p50=3ms,p99=9ms,max=5ms", "p99 (9ms) is above max (5ms)")]
    #[case(
        "lognormal:p50=1ms,p99=2ms,p98=3ms",
        "lognormal has no field \"p98\": it takes p50, p99 and max"
    )]
    #[case("lognormal:p50=1ms,p50=2ms", "lognormal has \"p50\" twice")]
    #[case("pareto:min=1ms,p99=1ms", "min and p99 are both 1ms")]
    #[case("percentiles:", "percentiles needs a row such as p50=2ms")]
    #[case("percentiles:p50=5ms,p90=2ms", "the values must ascend")]
    #[case(
        "percentiles:p90=5ms,p50=6ms",
        "percentile p50: percentiles lie between 0 and 100 and ascend"
    )]
    #[case("percentiles:p100=5ms", "percentile p100")]
    #[case("percentiles:pNaN=5ms", "percentile pNaN")]
    #[case("percentiles:half=5ms", "percentiles has no field \"half\"")]
    #[case("5ms+stall:every=1s,for=1s", "a stall for 1s every 1s never ends")]
    #[case("5ms+stall:every=1s", "stall needs for")]
    #[case("5ms+stall:every=1s,for=0", "for is 0")]
    fn what_is_no_latency_is_refused_with_a_reason(#[case] text: &str, #[case] message: &str) {
        let error = text.parse::<Latency>().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
