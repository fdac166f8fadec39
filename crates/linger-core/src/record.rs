//! A record as the application sends it, and as the producer hands it back after a failure.

use std::sync::Arc;

use bytes::Bytes;
pub use linger_protocol::records::Header;

/// A record to send. It borrows its parts: the producer encodes the record when it accepts it, and
/// the caller keeps a record that was refused.
///
/// Later versions may add fields. Build a record with [`Record::to`] and the methods of this type,
/// or set the fields of such a record.
///
/// ```
/// use linger_core::record::Record;
/// let record = Record::to("orders").key("customer-7").value("{}");
/// assert_eq!(record.value, Some(&b"{}"[..]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition index; `None` leaves the choice to the key, or without a key to the producer.
    pub partition: Option<i32>,
    /// Key; `None` is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is Kafka's null, which deletes the key on a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Headers in order; keys may repeat.
    pub headers: &'a [Header<'a>],
    /// Milliseconds since the Unix epoch; `None` is the time of sending.
    pub timestamp: Option<i64>,
}

impl<'a> Record<'a> {
    /// A record to `topic` with neither key nor value.
    #[inline]
    pub const fn to(topic: &'a str) -> Self {
        Self {
            topic,
            partition: None,
            key: None,
            value: None,
            headers: &[],
            timestamp: None,
        }
    }

    /// Sets the key.
    #[inline]
    pub fn key<K: AsRef<[u8]> + ?Sized>(self, key: &'a K) -> Self {
        Self {
            key: Some(key.as_ref()),
            ..self
        }
    }

    /// Sets the value.
    #[inline]
    pub fn value<V: AsRef<[u8]> + ?Sized>(self, value: &'a V) -> Self {
        Self {
            value: Some(value.as_ref()),
            ..self
        }
    }

    /// Sets the partition index.
    #[inline]
    pub fn partition(self, partition: i32) -> Self {
        Self {
            partition: Some(partition),
            ..self
        }
    }

    /// Sets the headers.
    #[inline]
    pub fn headers(self, headers: &'a [Header<'a>]) -> Self {
        Self { headers, ..self }
    }

    /// Sets the timestamp, in milliseconds since the Unix epoch.
    #[inline]
    pub fn timestamp(self, timestamp: i64) -> Self {
        Self {
            timestamp: Some(timestamp),
            ..self
        }
    }

    /// The parts that a batch stores.
    #[inline]
    pub fn stored(&self) -> linger_protocol::records::Record<'a> {
        linger_protocol::records::Record {
            key: self.key,
            value: self.value,
            headers: self.headers,
        }
    }
}

/// A record that was accepted and not delivered, as the producer hands it back.
///
/// Key, value and headers have the bytes that the application gave. Later versions may add fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedRecord {
    /// Topic.
    pub topic: Arc<str>,
    /// Index of the partition that was chosen for the record.
    pub partition: i32,
    /// Key; `None` is Kafka's null.
    pub key: Option<Vec<u8>>,
    /// Value; `None` is Kafka's null.
    pub value: Option<Vec<u8>>,
    /// Headers in order: key and value. The bytes of a key are UTF-8 if [`Header`] made it.
    pub headers: Vec<(Bytes, Option<Vec<u8>>)>,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
}
