//! A record as the application hands it over, gets it back, and learns where it went.

use std::sync::Arc;

pub use linger_protocol::records::Header;

/// A record to send, borrowed: it is encoded when it is accepted, and a refused one is still the caller's.
///
/// ```
/// use linger_core::record::Record;
/// let record = Record::to("orders").key("customer-7").value("{}");
/// assert_eq!(record.value, Some(&b"{}"[..]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A record that was accepted and not delivered, as it is handed back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition index it was to go to.
    pub partition: i32,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
}
