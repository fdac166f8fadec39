//! Kafka's wire protocol: bounded decoding, one-pass encoding, no I/O and no clock.

pub mod records;
