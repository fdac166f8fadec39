//! The payload of a `records` field.

use bytes::Bytes;

/// The payload of a `records` field. A producer fills in a batch header and the records after it. A
/// reader gets one slice of the frame.
///
/// A batch header holds values that are known only when the batch is sent: producer id, epoch,
/// sequence and checksum. The records are final earlier, and may be large. With two parts, a batch
/// can be stamped again without a change to its records, and written without a copy.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RecordSet {
    /// The 61 bytes of the batch header; `None` if `body` starts with the header.
    pub header: Option<[u8; 61]>,
    /// The bytes after `header`, shared.
    pub body: Bytes,
}

impl RecordSet {
    /// Returns the size on the wire, in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.header.map_or(0, |header| header.len()) + self.body.len()
    }

    /// Tells whether the set has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns all bytes in one piece. Without a separate header this is the shared body, else a
    /// copy.
    pub fn to_bytes(&self) -> Bytes {
        match &self.header {
            None => self.body.clone(),
            Some(header) => [header.as_slice(), &self.body].concat().into(),
        }
    }
}

impl From<Bytes> for RecordSet {
    fn from(body: Bytes) -> Self {
        Self { header: None, body }
    }
}

impl std::fmt::Debug for RecordSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordSet({} bytes)", self.len())
    }
}
