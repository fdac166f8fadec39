//! What the value of a setting must be, and how it is written.

use std::ops::RangeInclusive;

use linger_protocol::records::{GZIP_LEVELS, LZ4_LEVELS, ZSTD_LEVELS};

/// What a value must be.
pub(crate) enum Rule {
    /// A whole number of at least this.
    Long(i64),
    /// A whole number of 32 bits, of at least this.
    Int(i32),
    /// A number from 0 to 1.
    Ratio,
    Bool,
    CleanupPolicy,
    CompressionType,
    TimestampType,
    GzipLevel,
    Lz4Level,
    ZstdLevel,
    /// A list of anything, with commas.
    List,
}

impl Rule {
    /// Checks a value, and says what is wrong with it.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let at_least = |min: i64, max: i64| match value.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(()),
            Ok(_) => Err(format!("it must be from {min} to {max}")),
            Err(_) => Err("it is not a number".to_owned()),
        };
        let level = |levels: &RangeInclusive<i32>| at_least((*levels.start()).into(), (*levels.end()).into());
        let one_of = |allowed: &[&str]| {
            let list = || format!("it must be one of {}", allowed.join(", "));
            allowed.contains(&value).then_some(()).ok_or_else(list)
        };
        match self {
            Self::Long(min) => at_least(*min, i64::MAX),
            Self::Int(min) => at_least((*min).into(), i32::MAX.into()),
            Self::Ratio => match value.parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(()),
                _ => Err("it must be from 0 to 1".to_owned()),
            },
            Self::Bool if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") => Ok(()),
            Self::Bool => Err("it must be true or false".to_owned()),
            Self::CleanupPolicy if value.is_empty() => Ok(()),
            Self::CleanupPolicy => {
                let mut policies = value.split(',').map(str::trim);
                let are_known = policies.all(|policy| matches!(policy, "compact" | "delete"));
                are_known
                    .then_some(())
                    .ok_or_else(|| "it may have compact and delete".to_owned())
            }
            // Another codec would have to be applied to every batch, which is not done here.
            Self::CompressionType if value == "producer" => Ok(()),
            Self::CompressionType => Err("only producer is supported here".to_owned()),
            Self::TimestampType => one_of(&["CreateTime", "LogAppendTime"]),
            Self::GzipLevel if value == "-1" => Ok(()),
            Self::GzipLevel => level(&GZIP_LEVELS),
            Self::Lz4Level => level(&LZ4_LEVELS),
            Self::ZstdLevel => level(&ZSTD_LEVELS),
            Self::List => Ok(()),
        }
    }

    /// The type of the values, as DescribeConfigs gives it (`ConfigType`).
    pub(crate) fn config_type(&self) -> i8 {
        match self {
            Self::Bool => 1,
            Self::CompressionType | Self::TimestampType => 2,
            Self::Int(_) | Self::GzipLevel | Self::Lz4Level | Self::ZstdLevel => 3,
            Self::Long(_) => 5,
            Self::Ratio => 6,
            Self::CleanupPolicy | Self::List => 7,
        }
    }

    /// A valid value as Kafka writes it.
    pub(crate) fn normal_form(&self, value: &str) -> String {
        let value = value.trim();
        let number = || value.parse::<i64>().map(|number| number.to_string());
        match self {
            Self::Long(_) | Self::Int(_) | Self::GzipLevel | Self::Lz4Level | Self::ZstdLevel => {
                number().unwrap_or_else(|_| value.to_owned())
            }
            Self::Ratio => value
                .parse::<f64>()
                .map_or_else(|_| value.to_owned(), |ratio| format!("{ratio:?}")),
            Self::Bool => value.to_ascii_lowercase(),
            Self::CompressionType | Self::TimestampType => value.to_owned(),
            Self::CleanupPolicy | Self::List => value.split(',').map(str::trim).collect::<Vec<_>>().join(","),
        }
    }
}
