//! The records of a batch, one after the other, without copying or allocating.

use std::borrow::Cow;

use thiserror::Error;

use super::varint::{self, VarintError};

/// A batch's records, uncompressed; iterate over `&Records`.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: Cow<'a, [u8]>,
    count: i32,
}

impl<'a> Records<'a> {
    /// Takes uncompressed records and the count that their batch states.
    pub fn new(bytes: Cow<'a, [u8]>, count: i32) -> Self {
        Self { bytes, count }
    }

    /// Bytes of the records uncompressed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The uncompressed bytes themselves.
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        self.bytes
    }

    /// Walks the records.
    #[inline]
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter::new(&self.bytes, self.count)
    }
}

impl<'r> IntoIterator for &'r Records<'_> {
    type Item = Result<RecordView<'r>, RecordError>;
    type IntoIter = RecordIter<'r>;

    #[inline]
    fn into_iter(self) -> RecordIter<'r> {
        self.iter()
    }
}

/// Why a batch's records cannot be read on, and from which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("record {index}: {problem}")]
pub struct RecordError {
    /// Index of the record in the batch, from 0.
    pub index: u32,
    /// What is wrong with it.
    pub problem: RecordProblem,
}

/// What is wrong with a record, or with the number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordProblem {
    /// A varint that goes on after its fifth or, for a timestamp, tenth byte.
    #[error("a varint is longer than its type")]
    VarintTooLong,
    /// The batch ends inside the record's length.
    #[error("the length is cut")]
    LengthCut,
    /// A length that is negative or goes beyond the batch.
    #[error("length {length} with {available} bytes left in the batch")]
    Length {
        /// The length field.
        length: i32,
        /// Bytes after it.
        available: usize,
    },
    /// A field that goes beyond the record.
    #[error("a field goes beyond the record's {length} bytes")]
    Field {
        /// The record's length.
        length: usize,
    },
    /// The record's fields end before the record.
    #[error("{unread} of the record's {length} bytes follow its last field")]
    Unread {
        /// Bytes after the last field.
        unread: usize,
        /// The record's length.
        length: usize,
    },
    /// A negative number of headers.
    #[error("header count {count} is negative")]
    HeaderCount {
        /// The count.
        count: i32,
    },
    /// A header without a key.
    #[error("header {header} has a null key")]
    HeaderKeyNull {
        /// Index of the header in the record.
        header: u32,
    },
    /// The bytes end before the stated number of records was read.
    #[error("missing, the batch states {count} records")]
    Missing {
        /// Records the batch states.
        count: i32,
    },
    /// Bytes follow the last of the stated records. The index is the count.
    #[error("{unread} bytes follow the last of {count} records")]
    Trailing {
        /// Bytes after the last record.
        unread: usize,
        /// Records the batch states.
        count: i32,
    },
}

/// One record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Unused by Kafka, and not checked.
    pub attributes: i8,
    /// Milliseconds after the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Offset after the batch's base offset.
    pub offset_delta: i32,
    /// Key; any negative length means null.
    pub key: Option<&'a [u8]>,
    /// Value; any negative length means null.
    pub value: Option<&'a [u8]>,
    /// Number of headers.
    pub header_count: u32,
    headers: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// The headers in order.
    pub fn headers(&self) -> HeaderIter<'a> {
        HeaderIter {
            rest: self.headers,
            left: self.header_count,
        }
    }
}

/// One header of a record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// Key: should be UTF-8; Kafka does not check.
    pub key: &'a [u8],
    /// Value.
    pub value: Option<&'a [u8]>,
}

impl<'a> HeaderView<'a> {
    /// The key as text, with the replacement character for what is no UTF-8.
    pub fn key_lossy(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// Iterator over the headers of a record.
#[derive(Debug, Clone)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = HeaderView<'a>;

    fn next(&mut self) -> Option<HeaderView<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Walked once when the record was read, so this cannot fail.
        take_header(&mut self.rest).ok().flatten()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for HeaderIter<'_> {}

/// Iterator over the records of a batch: as many as it states, then an error if bytes are left. Ends after an error.
#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    rest: &'a [u8],
    index: u32,
    /// Records the batch states, none if that is negative.
    end: u32,
    count: i32,
}

impl<'a> RecordIter<'a> {
    /// Walks uncompressed records, of which there should be `count`.
    #[inline]
    pub fn new(bytes: &'a [u8], count: i32) -> Self {
        Self {
            rest: bytes,
            index: 0,
            end: count.max(0) as u32,
            count,
        }
    }

    #[cold]
    fn fail(&mut self, problem: RecordProblem) -> RecordError {
        let index = self.index;
        self.rest = &[];
        self.index = self.end;
        RecordError { index, problem }
    }

    #[cold]
    fn missing(&mut self) -> RecordError {
        let count = self.count;
        self.fail(RecordProblem::Missing { count })
    }

    #[inline]
    fn last(&mut self) -> Option<RecordError> {
        if self.rest.is_empty() {
            return None;
        }
        let (unread, count) = (self.rest.len(), self.count);
        Some(self.fail(RecordProblem::Trailing { unread, count }))
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordView<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index == self.end {
            return self.last().map(Err);
        }
        if self.rest.is_empty() {
            return Some(Err(self.missing()));
        }
        match take_record(&mut self.rest) {
            Ok(record) => {
                self.index += 1;
                Some(Ok(record))
            }
            Err(problem) => Some(Err(self.fail(problem))),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        // A record takes at least 7 bytes, and the count may lie; one error may come on top.
        let left = (self.end - self.index) as usize;
        (0, Some(left.min(self.rest.len() / RECORD_SIZE_MIN) + 1))
    }
}

/// Length, attributes, two deltas, two lengths, header count.
const RECORD_SIZE_MIN: usize = 7;

#[inline(always)]
fn take_record<'a>(rest: &mut &'a [u8]) -> Result<RecordView<'a>, RecordProblem> {
    if let Some(record) = take_common(rest) {
        return Ok(record);
    }
    // Taken apart and put together, or both ways would meet in memory and the common one wait for its own stores.
    let RecordView {
        attributes,
        timestamp_delta,
        offset_delta,
        key,
        value,
        header_count,
        headers,
    } = take_any(rest)?;
    Ok(RecordView {
        attributes,
        timestamp_delta,
        offset_delta,
        key,
        value,
        header_count,
        headers,
    })
}

/// Bytes of a record's front that are looked at together: a length of 2, and what fits a machine word after it.
const FRONT: usize = 16;
/// Bytes of that word.
const WORD: usize = 8;

/// Reads a record of the common shape: no headers, no varint of more than two bytes before the value. `None` for any
/// other, and for every broken one, which [`take_any`] then tells.
///
/// Reading the varints out of one register takes half the time of reading them byte by byte, and a simulated broker
/// walks every record it is sent.
#[inline(always)]
fn take_common<'a>(rest: &mut &'a [u8]) -> Option<RecordView<'a>> {
    let bytes = *rest;
    let front = u128::from_le_bytes(*bytes.first_chunk::<FRONT>()?);
    let mut word = front as u64;
    let mut at = 0;
    let length = take_short(&mut word, &mut at)?;
    let (start, total) = (at, at + usize::try_from(length).ok()?);
    // From here 8 bytes suffice: attributes 1, two deltas and two lengths of which one is a null key's, 1.
    word = (front >> (8 * at)) as u64;
    let attributes = word as i8;
    word >>= 8;
    at += 1;
    let timestamp_delta = take_short(&mut word, &mut at)?;
    let offset_delta = take_short(&mut word, &mut at)?;
    let key_length = take_short(&mut word, &mut at)?;
    let (key, value_length);
    if key_length < 0 {
        key = None;
        value_length = take_short(&mut word, &mut at)?;
        // A padded null took a second byte, and the word ended before this length did.
        if at > start + WORD {
            return None;
        }
    } else {
        let (bytes, mut after) = bytes.get(at..)?.split_at_checked(key_length as usize)?;
        key = Some(bytes);
        let left = after.len();
        value_length = varint::take_32(&mut after).ok()?;
        at += key_length as usize + left - after.len();
    }
    // Value and a header count of zero fill the record, or it is another shape; this also keeps both inside.
    let value = match usize::try_from(value_length) {
        Ok(value_length) if at + value_length + 1 == total => Some(bytes.get(at..total - 1)?),
        Err(_) if at + 1 == total => None,
        _ => return None,
    };
    let (&0, next) = bytes.get(total - 1..)?.split_first()? else {
        return None;
    };
    *rest = next;
    Some(RecordView {
        attributes,
        timestamp_delta: i64::from(timestamp_delta),
        offset_delta,
        key,
        value,
        header_count: 0,
        headers: &[],
    })
}

/// Takes a varint of one or two bytes off the low end of `word`.
#[inline(always)]
fn take_short(word: &mut u64, at: &mut usize) -> Option<i32> {
    let unsigned = if *word & 0x80 == 0 {
        let value = *word as u32 & 0x7f;
        *word >>= 8;
        *at += 1;
        value
    } else if *word & 0x8000 == 0 {
        let value = (*word as u32 & 0x7f) | (*word as u32 >> 1 & 0x3f80);
        *word >>= 16;
        *at += 2;
        value
    } else {
        return None;
    };
    Some((unsigned >> 1) as i32 ^ -((unsigned & 1) as i32))
}

#[inline(never)]
fn take_any<'a>(rest: &mut &'a [u8]) -> Result<RecordView<'a>, RecordProblem> {
    let mut after_length = *rest;
    let length = varint::take_32(&mut after_length).map_err(|error| match error {
        VarintError::Cut => RecordProblem::LengthCut,
        VarintError::TooLong => RecordProblem::VarintTooLong,
    })?;
    let available = after_length.len();
    let (body, next) = usize::try_from(length)
        .ok()
        .and_then(|length| after_length.split_at_checked(length))
        .ok_or(RecordProblem::Length { length, available })?;
    let record = read_body(body)?;
    *rest = next;
    Ok(record)
}

#[inline(always)]
fn read_body(body: &[u8]) -> Result<RecordView<'_>, RecordProblem> {
    let beyond = |error| beyond(error, body.len());
    let (&attributes, mut rest) = body.split_first().ok_or(RecordProblem::Field { length: 0 })?;
    let timestamp_delta = varint::take_64(&mut rest).map_err(beyond)?;
    let offset_delta = varint::take_32(&mut rest).map_err(beyond)?;
    let key = take_nullable(&mut rest).map_err(beyond)?;
    let value = take_nullable(&mut rest).map_err(beyond)?;
    let mut record = RecordView {
        attributes: attributes as i8,
        timestamp_delta,
        offset_delta,
        key,
        value,
        header_count: 0,
        headers: &[],
    };
    // Nearly every record ends here, with a zero.
    if rest != [0] {
        read_headers(&mut record, rest, body.len())?;
    }
    Ok(record)
}

#[inline(never)]
fn read_headers<'a>(
    record: &mut RecordView<'a>,
    mut rest: &'a [u8],
    length: usize,
) -> Result<(), RecordProblem> {
    let count = varint::take_32(&mut rest).map_err(|error| beyond(error, length))?;
    record.header_count = u32::try_from(count).map_err(|_| RecordProblem::HeaderCount { count })?;
    record.headers = rest;
    for header in 0..record.header_count {
        take_header(&mut rest)
            .map_err(|error| beyond(error, length))?
            .ok_or(RecordProblem::HeaderKeyNull { header })?;
    }
    match rest.len() {
        0 => Ok(()),
        unread => Err(RecordProblem::Unread { unread, length }),
    }
}

#[cold]
fn beyond(error: VarintError, length: usize) -> RecordProblem {
    match error {
        VarintError::Cut => RecordProblem::Field { length },
        VarintError::TooLong => RecordProblem::VarintTooLong,
    }
}

/// `None` for a null key.
fn take_header<'a>(rest: &mut &'a [u8]) -> Result<Option<HeaderView<'a>>, VarintError> {
    let Some(key) = take_nullable(rest)? else {
        return Ok(None);
    };
    Ok(Some(HeaderView {
        key,
        value: take_nullable(rest)?,
    }))
}

#[inline(always)]
fn take_nullable<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, VarintError> {
    let length = varint::take_32(rest)?;
    let Ok(length) = usize::try_from(length) else {
        return Ok(None);
    };
    let (bytes, next) = rest.split_at_checked(length).ok_or(VarintError::Cut)?;
    *rest = next;
    Ok(Some(bytes))
}
