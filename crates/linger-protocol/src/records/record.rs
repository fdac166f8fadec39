//! A record as an application passes it: borrowed parts, not encoded.

/// The parts of a record that a batch stores, apart from its timestamp.
///
/// `None` is Kafka's null, which differs from empty. With a null key, the producer chooses the
/// partition. A null value is a tombstone on a compacted topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// Key, null by default.
    pub key: Option<&'a [u8]>,
    /// Value, null by default.
    pub value: Option<&'a [u8]>,
    /// Headers in order; keys may repeat (KIP-82).
    pub headers: &'a [Header<'a>],
}

/// One header of a record (KIP-82).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header<'a> {
    /// Key: UTF-8 and never null.
    pub key: &'a str,
    /// Value, null by default.
    pub value: Option<&'a [u8]>,
}
