//! The settings of compression: which codec, at which level.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

/// Levels of gzip (KIP-390).
pub const GZIP_LEVELS: RangeInclusive<i32> = 1..=9;
/// Levels of lz4 (KIP-390).
pub const LZ4_LEVELS: RangeInclusive<i32> = 1..=17;
/// Levels of zstd (KIP-390).
pub const ZSTD_LEVELS: RangeInclusive<i32> = -131_072..=22;

const GZIP_LEVEL_DEFAULT: i32 = 6;
const LZ4_LEVEL_DEFAULT: i32 = 9;
const ZSTD_LEVEL_DEFAULT: i32 = 3;

/// How the records of a batch are compressed, as the batch's attributes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// No compression.
    #[default]
    None = 0,
    /// Members of RFC 1952.
    Gzip = 1,
    /// Snappy, as one raw block or in the framing of xerial's snappy-java.
    Snappy = 2,
    /// One lz4 frame of independent blocks (KIP-57).
    Lz4 = 3,
    /// Frames of RFC 8878 (KIP-110).
    Zstd = 4,
}

impl Codec {
    /// All codecs of Kafka by id, those included that are left out of this build.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this id in a batch's attributes; the ids are 0 to 4.
    #[inline]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The id in a batch's attributes.
    #[inline]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Whether this build contains the codec. A codec is left out by turning off the cargo feature
    /// of its name.
    pub const fn is_built(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// Kafka's name, as in `compression.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a producer compresses its batches: Kafka's `compression.type` and `compression.*.level`
/// (KIP-390) in one.
///
/// As text: the codec's name, followed by `:level` if the level is not the default one.
///
/// ```
/// use linger_protocol::records::Compression;
/// assert_eq!("zstd:-5".parse(), Ok(Compression::Zstd { level: -5 }));
/// assert_eq!("lz4".parse(), Ok(Compression::LZ4));
/// assert!("gzip:10".parse::<Compression>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// No compression, the default.
    #[default]
    None,
    /// gzip.
    Gzip {
        /// From 1, fast, to 9, small; 6 by default.
        level: i32,
    },
    /// Snappy, which has no levels.
    Snappy,
    /// lz4.
    Lz4 {
        /// From 1 to 17; 9 by default. All levels give the same result, since the encoder in use
        /// has only its fast level. Kafka's range is accepted so that a configuration of a Java
        /// client works unchanged.
        level: i32,
    },
    /// Zstandard. Brokers accept it from Produce 7 on, Kafka 2.1 (KIP-110).
    Zstd {
        /// From -131072, fast, to 22, small; 3 by default.
        level: i32,
    },
}

/// Why a text, a level or a codec cannot be used for compression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// There is no codec of this name.
    #[error("unknown compression {name:?}; allowed are {ALLOWED}")]
    Unknown {
        /// The text that was parsed.
        name: String,
    },
    /// The codec has no levels.
    #[error("compression {codec} takes no level, got {level:?}; allowed are {ALLOWED}")]
    NoLevels {
        /// The codec.
        codec: Codec,
        /// The text after the colon.
        level: String,
    },
    /// The level is not a whole number.
    #[error("compression level {level:?} of {codec} is not a whole number; allowed are {min} to {max}")]
    LevelNotANumber {
        /// The codec.
        codec: Codec,
        /// The text after the colon.
        level: String,
        /// Smallest level allowed.
        min: i32,
        /// Largest level allowed.
        max: i32,
    },
    /// The codec is left out of this build.
    #[error(
        "compression {codec} is left out of this build; turn on the cargo feature \"{codec}\" or choose another codec"
    )]
    NotBuilt {
        /// The codec, whose feature has the same name.
        codec: Codec,
    },
    /// The level is outside the codec's range.
    #[error("compression level {level} of {codec} is out of range; allowed are {min} to {max}")]
    LevelOutOfRange {
        /// The codec.
        codec: Codec,
        /// The level.
        level: i32,
        /// Smallest level allowed.
        min: i32,
        /// Largest level allowed.
        max: i32,
    },
}

const ALLOWED: &str =
    "none, gzip[:level from 1 to 9], snappy, lz4[:level from 1 to 17], zstd[:level from -131072 to 22]";

impl Compression {
    /// gzip at its default level, 6.
    pub const GZIP: Self = Self::Gzip {
        level: GZIP_LEVEL_DEFAULT,
    };
    /// lz4 at its default level, 9.
    pub const LZ4: Self = Self::Lz4 {
        level: LZ4_LEVEL_DEFAULT,
    };
    /// Zstandard at its default level, 3.
    pub const ZSTD: Self = Self::Zstd {
        level: ZSTD_LEVEL_DEFAULT,
    };

    /// Every codec at its default level, by id.
    pub const ALL: [Self; 5] = [Self::None, Self::GZIP, Self::Snappy, Self::LZ4, Self::ZSTD];

    /// The codec without its level.
    pub const fn codec(self) -> Codec {
        match self {
            Self::None => Codec::None,
            Self::Gzip { .. } => Codec::Gzip,
            Self::Snappy => Codec::Snappy,
            Self::Lz4 { .. } => Codec::Lz4,
            Self::Zstd { .. } => Codec::Zstd,
        }
    }

    /// The codec's id in a batch's attributes.
    pub const fn codec_id(self) -> u8 {
        self.codec().id()
    }

    /// The level, if the codec has levels.
    pub const fn level(self) -> Option<i32> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip { level } | Self::Lz4 { level } | Self::Zstd { level } => Some(level),
        }
    }

    /// The same codec at another level.
    ///
    /// # Errors
    /// [`CompressionError`] if the codec has no levels or not this one.
    pub fn with_level(self, level: i32) -> Result<Self, CompressionError> {
        let codec = self.codec();
        let compression = match self {
            Self::None | Self::Snappy => {
                return Err(CompressionError::NoLevels {
                    codec,
                    level: level.to_string(),
                });
            }
            Self::Gzip { .. } => Self::Gzip { level },
            Self::Lz4 { .. } => Self::Lz4 { level },
            Self::Zstd { .. } => Self::Zstd { level },
        };
        compression.check_level()?;
        Ok(compression)
    }

    /// Checks that this build contains the codec, and that Kafka allows the level for the codec
    /// (KIP-390).
    ///
    /// # Errors
    /// [`CompressionError::NotBuilt`], or [`CompressionError::LevelOutOfRange`] with the range.
    pub fn validate(self) -> Result<(), CompressionError> {
        let codec = self.codec();
        if !codec.is_built() {
            return Err(CompressionError::NotBuilt { codec });
        }
        self.check_level()
    }

    fn check_level(self) -> Result<(), CompressionError> {
        let Some((level, levels)) = self.level().zip(levels(self.codec())) else {
            return Ok(());
        };
        if levels.contains(&level) {
            return Ok(());
        }
        let (min, max) = levels.into_inner();
        Err(CompressionError::LevelOutOfRange {
            codec: self.codec(),
            level,
            min,
            max,
        })
    }
}

fn levels(codec: Codec) -> Option<RangeInclusive<i32>> {
    match codec {
        Codec::None | Codec::Snappy => None,
        Codec::Gzip => Some(GZIP_LEVELS),
        Codec::Lz4 => Some(LZ4_LEVELS),
        Codec::Zstd => Some(ZSTD_LEVELS),
    }
}

impl From<Codec> for Compression {
    /// The codec at its default level.
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::None => Self::None,
            Codec::Gzip => Self::GZIP,
            Codec::Snappy => Self::Snappy,
            Codec::Lz4 => Self::LZ4,
            Codec::Zstd => Self::ZSTD,
        }
    }
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, CompressionError> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        let codec = Codec::ALL
            .into_iter()
            .find(|codec| codec.name() == name)
            .ok_or_else(|| CompressionError::Unknown {
                name: text.to_owned(),
            })?;
        let Some(level) = level else {
            return Ok(codec.into());
        };
        let Some(levels) = levels(codec) else {
            return Err(CompressionError::NoLevels {
                codec,
                level: level.to_owned(),
            });
        };
        let number = level.parse().map_err(|_| CompressionError::LevelNotANumber {
            codec,
            level: level.to_owned(),
            min: *levels.start(),
            max: *levels.end(),
        })?;
        Self::from(codec).with_level(number)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codec().name())?;
        match self.level() {
            Some(level) if *self != Self::from(self.codec()) => write!(f, ":{level}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_value_are_one() {
        let all = [
            ("none", Compression::None),
            ("gzip", Compression::Gzip { level: 6 }),
            ("gzip:1", Compression::Gzip { level: 1 }),
            ("gzip:9", Compression::Gzip { level: 9 }),
            ("snappy", Compression::Snappy),
            ("lz4", Compression::Lz4 { level: 9 }),
            ("lz4:17", Compression::Lz4 { level: 17 }),
            ("zstd", Compression::Zstd { level: 3 }),
            ("zstd:-131072", Compression::Zstd { level: -131_072 }),
            ("zstd:22", Compression::Zstd { level: 22 }),
        ];
        for (text, compression) in all {
            assert_eq!(text.parse(), Ok(compression));
            assert_eq!(compression.to_string(), text);
        }
        assert_eq!("lz4:9".parse(), Ok(Compression::LZ4));
    }

    #[test]
    fn a_refusal_names_the_value_and_what_is_allowed() {
        let check = |text: &str, message: &str| {
            assert_eq!(text.parse::<Compression>().expect_err(text).to_string(), message);
        };
        check(
            "brotli",
            &format!("unknown compression \"brotli\"; allowed are {ALLOWED}"),
        );
        check("", &format!("unknown compression \"\"; allowed are {ALLOWED}"));
        check(
            "GZIP",
            &format!("unknown compression \"GZIP\"; allowed are {ALLOWED}"),
        );
        check(
            "snappy:1",
            &format!("compression snappy takes no level, got \"1\"; allowed are {ALLOWED}"),
        );
        check(
            "none:",
            &format!("compression none takes no level, got \"\"; allowed are {ALLOWED}"),
        );
        check(
            "gzip:0",
            "compression level 0 of gzip is out of range; allowed are 1 to 9",
        );
        check(
            "gzip:10",
            "compression level 10 of gzip is out of range; allowed are 1 to 9",
        );
        check(
            "lz4:18",
            "compression level 18 of lz4 is out of range; allowed are 1 to 17",
        );
        check(
            "zstd:23",
            "compression level 23 of zstd is out of range; allowed are -131072 to 22",
        );
        check(
            "zstd:-131073",
            "compression level -131073 of zstd is out of range; allowed are -131072 to 22",
        );
        check(
            "zstd:fast",
            "compression level \"fast\" of zstd is not a whole number; allowed are -131072 to 22",
        );
        check(
            "gzip:",
            "compression level \"\" of gzip is not a whole number; allowed are 1 to 9",
        );
        check(
            "zstd:99999999999",
            "compression level \"99999999999\" of zstd is not a whole number; allowed are -131072 to 22",
        );
    }

    #[test]
    fn a_level_set_by_hand_is_validated_too() {
        assert!(Compression::Gzip { level: 0 }.validate().is_err());
        assert!(Compression::Lz4 { level: 17 }.validate().is_ok());
        assert!(Compression::Snappy.validate().is_ok());
        assert!(Compression::Snappy.with_level(1).is_err());
    }
}
