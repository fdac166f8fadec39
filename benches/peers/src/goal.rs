//! The goals of Linger in a comparison.

use std::fmt;

/// The goal of Linger in one comparison.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Goal {
    /// Records/s and CPU per record, as multiples of those of one peer.
    Rate {
        against: Against,
        rate_min: f64,
        cpu_max: Option<f64>,
    },
    /// p50 and p99, as multiples of the lowest of any peer.
    Latency { ratio_max: f64 },
    /// The largest difference between the p50 of Linger and of the floor, a blocking socket's round
    /// trip.
    AboveFloor { us_max: f64 },
    /// More records/s than any peer, and less CPU of client and broker together than any peer.
    Best,
}

/// The peer whose rate is compared with Linger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Against {
    /// The peer with the most records/s.
    BestPeer,
    /// The peer with the most records/s among those that keep the order of a partition.
    BestPeerInOrder,
    FutureProducer,
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BestPeer => "the best peer",
            Self::BestPeerInOrder => "the best peer that keeps order",
            Self::FutureProducer => "future-producer",
        })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate {
                against,
                rate_min,
                cpu_max: None,
            } => write!(f, "at least {rate_min} x the records/s of {against}"),
            Self::Rate {
                against,
                rate_min,
                cpu_max: Some(cpu_max),
            } => write!(
                f,
                "at least {rate_min} x the records/s of {against}, at {cpu_max} of its CPU per record at most"
            ),
            Self::Latency { ratio_max } => write!(f, "p50 and p99 at most {ratio_max} x the best peer's"),
            Self::AboveFloor { us_max } => {
                write!(
                    f,
                    "a p50 of at most the floor's, a bare socket's round trip, +{us_max} us"
                )
            }
            Self::Best => {
                f.write_str("more records/s than any peer, at less CPU of client and broker together")
            }
        }
    }
}
