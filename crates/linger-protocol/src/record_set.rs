//! The payload of a `records` field.

use bytes::Bytes;

/// What a `records` field carries: for a producer, a stamped header and the records behind it; for a reader, all of
/// it as one slice of the frame.
///
/// A batch header holds what is only known on sending (producer id, epoch, sequence, checksum), while the records
/// behind it are final, and perhaps large. Keeping the two apart lets a batch be stamped again without touching
/// its payload, and written without copying it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RecordSet {
    /// The 61 bytes of a batch header, if they are not the beginning of `body`.
    pub header: Option<[u8; 61]>,
    /// The rest, shared.
    pub body: Bytes,
}

impl RecordSet {
    /// Returns its size on the wire in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.header.map_or(0, |header| header.len()) + self.body.len()
    }

    /// Tells whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns all of it in one piece: the shared body itself if there is no separate header, else a copy.
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
