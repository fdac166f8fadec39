//! Bounded reading of bytes from an untrusted peer.
//!
//! All bounds of decoding are checked here. Every length is compared with the remaining bytes
//! before anything is allocated. An array has at most as many elements as the remaining bytes can
//! hold. The first allocation for an array is small, whatever count it declares. The limits are
//! those of Apache Kafka 4.4.

use std::borrow::Cow;

use bytes::Bytes;

use crate::Str;
use crate::text::text_of;

/// Largest number of elements that one array may declare.
pub(crate) const ARRAY_ELEMENTS_MAX: usize = 1_000_000;
/// Largest number of elements for which memory is reserved before the first one is decoded.
pub(crate) const ARRAY_CAPACITY_MAX: usize = 1_000;
/// Largest number of tagged fields (KIP-482) that one struct may have.
pub(crate) const TAGGED_FIELDS_MAX: u32 = 10_000;

/// Says which field could not be decoded, where its bytes were, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind} at byte {offset}", Prefix(field))]
pub struct DecodeError {
    /// The innermost field that was being read, as `Struct.field`; empty outside a struct.
    pub field: &'static str,
    /// Offset of the offending value from the beginning of the frame, in bytes.
    pub offset: usize,
    /// What was wrong with it.
    pub kind: DecodeErrorKind,
}

/// Why bytes are not a valid message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// Fewer bytes remain than a value takes.
    #[error("needs {needed} bytes where {remaining} remain")]
    Truncated {
        /// Bytes that the value takes.
        needed: usize,
        /// Bytes that were left.
        remaining: usize,
    },
    /// An array declares more elements than the remaining bytes can hold, or more than 1,000,000.
    #[error("declares {count} elements where at most {limit} can follow")]
    TooManyElements {
        /// The declared number of elements.
        count: u64,
        /// The most that the remaining bytes, or the limit of 1,000,000, allow.
        limit: usize,
    },
    /// A struct declares more than 10,000 tagged fields.
    #[error("declares {count} tagged fields where {TAGGED_FIELDS_MAX} are allowed")]
    TooManyTaggedFields {
        /// The declared number.
        count: u32,
    },
    /// A null stands where this version of the message does not allow one.
    #[error("is null where this version does not allow it")]
    Null,
    /// A variable-length integer does not end within the bytes that its type may take.
    #[error("is a variable-length integer longer than its type allows")]
    OverlongVarint,
    /// This crate does not have the API of this key.
    #[error("API key {key} is not spoken here")]
    UnknownApi {
        /// The key of the request.
        key: i16,
    },
    /// The version lies outside those of the API.
    #[error("version {version} is outside {min}..={max}")]
    UnsupportedVersion {
        /// The version asked for.
        version: i16,
        /// Lowest version that can be decoded.
        min: i16,
        /// Highest version that can be decoded.
        max: i16,
    },
}

impl DecodeError {
    /// Sets the field, unless an inner field is already set.
    #[cold]
    pub(crate) fn in_field(mut self, field: &'static str) -> Self {
        if self.field.is_empty() {
            self.field = field;
        }
        self
    }
}

/// A bounds-checked cursor over one frame. A `records` field is returned as a slice of the frame,
/// without a copy.
///
/// Integers are big endian. Reading an integer is always inlined, for the reason given at `Field`.
/// Every method either consumes exactly one value or returns an error. No method panics.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    frame: &'a Bytes,
    slice: &'a [u8],
    position: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `frame`.
    pub fn new(frame: &'a Bytes) -> Self {
        Self {
            frame,
            slice: frame,
            position: 0,
            end: frame.len(),
        }
    }

    /// Returns the number of bytes that have not been consumed. The caller may ignore bytes after a
    /// whole message, as Apache Kafka does.
    #[inline(always)]
    pub fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// Returns the offset of the next byte from the beginning of the frame.
    #[inline(always)]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Consumes `count` bytes and returns them, borrowed.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] if fewer remain.
    #[inline(always)]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        if count > self.remaining() {
            return Err(self.truncated(count));
        }
        let bytes = &self.slice[self.position..self.position + count];
        self.position += count;
        Ok(bytes)
    }

    /// Consumes `count` bytes and returns them as a slice that shares the frame's memory.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] if fewer remain.
    #[inline(always)]
    pub fn take_shared(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        if count > self.remaining() {
            return Err(self.truncated(count));
        }
        let bytes = self.frame.slice(self.position..self.position + count);
        self.position += count;
        Ok(bytes)
    }

    /// Consumes `count` bytes and returns a reader over these bytes only.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] if fewer remain.
    #[inline(always)]
    pub fn take_reader(&mut self, count: usize) -> Result<Self, DecodeError> {
        let position = self.position;
        self.take(count)?;
        Ok(Self {
            position,
            end: position + count,
            ..*self
        })
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.slice[self.position..self.end].first_chunk::<N>() {
            Some(bytes) => {
                self.position += N;
                Ok(*bytes)
            }
            None => Err(self.truncated(N)),
        }
    }

    /// Reads an `i8`.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] if the frame ends before it does, as for the other integers.
    #[inline(always)]
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        self.array().map(i8::from_be_bytes)
    }

    /// Reads an `i16`.
    ///
    /// # Errors
    /// As [`Reader::i8`].
    #[inline(always)]
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    /// Reads an `i32`.
    ///
    /// # Errors
    /// As [`Reader::i8`].
    #[inline(always)]
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Reads an `i64`.
    ///
    /// # Errors
    /// As [`Reader::i8`].
    #[inline(always)]
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    /// Reads a 16-byte identifier.
    ///
    /// # Errors
    /// As [`Reader::i8`].
    #[inline(always)]
    pub fn uuid(&mut self) -> Result<crate::Uuid, DecodeError> {
        self.array()
    }

    /// Reads an unsigned variable-length integer: the lengths, counts and tags of flexible versions
    /// (KIP-482).
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`], or [`DecodeErrorKind::OverlongVarint`] past 5 bytes or 32
    /// bits.
    #[inline(always)]
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        match self.slice[self.position..self.end].first() {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(u32::from(byte))
            }
            _ => self.uvarint_long(),
        }
    }

    fn uvarint_long(&mut self) -> Result<u32, DecodeError> {
        let start = self.position;
        let mut value = 0_u32;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error_at(start, DecodeErrorKind::OverlongVarint))
    }

    /// Reads a length. `None` is null: a negative number, or 0 in compact form. At least as many
    /// bytes as the returned length remain.
    #[inline(always)]
    pub(crate) fn length(&mut self, form: LengthForm) -> Result<Option<usize>, DecodeError> {
        let start = self.position;
        let length = match form {
            LengthForm::Compact => (self.uvarint()? as usize).checked_sub(1),
            LengthForm::Short => usize::try_from(self.i16()?).ok(),
            LengthForm::Int => usize::try_from(self.i32()?).ok(),
        };
        match length {
            Some(needed) if needed > self.remaining() => {
                let remaining = self.remaining();
                Err(self.error_at(start, DecodeErrorKind::Truncated { needed, remaining }))
            }
            length => Ok(length),
        }
    }

    /// Reads the count of an array whose elements take at least `element_size_min` bytes each;
    /// `None` is null.
    #[inline(always)]
    pub(crate) fn count(
        &mut self,
        form: LengthForm,
        element_size_min: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let start = self.position;
        let count = match form {
            LengthForm::Compact => (self.uvarint()? as usize).checked_sub(1),
            LengthForm::Short => usize::try_from(self.i16()?).ok(),
            LengthForm::Int => usize::try_from(self.i32()?).ok(),
        };
        let Some(count) = count else { return Ok(None) };
        let limit = (self.remaining() / element_size_min.max(1)).min(ARRAY_ELEMENTS_MAX);
        if count > limit {
            let count = count as u64;
            return Err(self.error_at(start, DecodeErrorKind::TooManyElements { count, limit }));
        }
        Ok(Some(count))
    }

    /// Reads a nullable string.
    #[inline(always)]
    pub(crate) fn nullable_str(&mut self, form: LengthForm) -> Result<Option<Str>, DecodeError> {
        Ok(self.nullable_text(form)?.map(|text| match &*text {
            "" => Str::default(), // the shared empty one: nothing is allocated
            text => text.into(),
        }))
    }

    /// Reads a string without a copy. A string that is not UTF-8 is copied, and U+FFFD replaces the
    /// invalid bytes.
    #[inline(always)]
    pub(crate) fn nullable_text(&mut self, form: LengthForm) -> Result<Option<Cow<'a, str>>, DecodeError> {
        match self.length(form)? {
            Some(length) => Ok(Some(text_of(self.take(length)?))),
            None => Ok(None),
        }
    }

    /// Reads how many tagged fields follow.
    #[inline(always)]
    pub(crate) fn tagged_field_count(&mut self) -> Result<u32, DecodeError> {
        let start = self.position;
        let count = self.uvarint()?;
        if count > TAGGED_FIELDS_MAX {
            return Err(self.error_at(start, DecodeErrorKind::TooManyTaggedFields { count }));
        }
        Ok(count)
    }

    /// Reads one tagged field: its tag, and a reader over exactly its value.
    pub(crate) fn tagged_field(&mut self) -> Result<(u32, Self), DecodeError> {
        let tag = self.uvarint()?;
        let size = self.uvarint()? as usize;
        Ok((tag, self.take_reader(size)?))
    }

    /// Skips the tagged fields of a struct for which this crate defines no tags.
    pub(crate) fn skip_tagged_fields(&mut self) -> Result<(), DecodeError> {
        for _ in 0..self.tagged_field_count()? {
            self.tagged_field()?;
        }
        Ok(())
    }

    #[cold]
    fn truncated(&self, needed: usize) -> DecodeError {
        self.error_at(
            self.position,
            DecodeErrorKind::Truncated {
                needed,
                remaining: self.remaining(),
            },
        )
    }

    #[cold]
    pub(crate) fn error_at(&self, offset: usize, kind: DecodeErrorKind) -> DecodeError {
        DecodeError {
            field: "",
            offset,
            kind,
        }
    }
}

/// How a length or count is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LengthForm {
    /// Unsigned varint of the length plus one; 0 is null.
    Compact,
    /// `i16`; negative is null.
    Short,
    /// `i32`; negative is null.
    Int,
}

struct Prefix<'a>(&'a str);

impl std::fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            "" => f.write_str("message: "),
            field => write!(f, "{field}: "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uvarint(bytes: &'static [u8]) -> Result<u32, DecodeErrorKind> {
        Reader::new(&Bytes::from_static(bytes))
            .uvarint()
            .map_err(|error| error.kind)
    }

    #[test]
    fn a_varint_ends_within_five_bytes_and_32_bits() {
        assert_eq!(uvarint(&[0]), Ok(0));
        assert_eq!(uvarint(&[0x7f]), Ok(127));
        assert_eq!(uvarint(&[0x80, 0x01]), Ok(128));
        assert_eq!(uvarint(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
        assert_eq!(
            uvarint(&[0xff, 0xff, 0xff, 0xff, 0x1f]),
            Err(DecodeErrorKind::OverlongVarint)
        );
        assert_eq!(
            uvarint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
            Err(DecodeErrorKind::OverlongVarint)
        );
        assert_eq!(
            uvarint(&[0x80, 0x80]),
            Err(DecodeErrorKind::Truncated {
                needed: 1,
                remaining: 0
            })
        );
        assert_eq!(
            uvarint(&[]),
            Err(DecodeErrorKind::Truncated {
                needed: 1,
                remaining: 0
            })
        );
    }

    #[test]
    fn a_length_beyond_the_frame_is_refused_where_it_stands() {
        let frame = Bytes::from_static(&[0, 9, b'a']);
        let error = Reader::new(&frame)
            .nullable_str(LengthForm::Short)
            .expect_err("9 bytes do not follow");
        assert_eq!(error.offset, 0);
        assert_eq!(
            error.kind,
            DecodeErrorKind::Truncated {
                needed: 9,
                remaining: 1
            }
        );
        assert_eq!(
            error.to_string(),
            "message: needs 9 bytes where 1 remain at byte 0"
        );
    }

    #[test]
    fn any_negative_length_is_null() {
        let frame = Bytes::from_static(&[0xff, 0xfe]);
        assert_eq!(Reader::new(&frame).nullable_str(LengthForm::Short), Ok(None));
    }

    #[test]
    fn an_array_declares_no_more_than_could_follow() {
        let frame = Bytes::from_static(&[0, 0, 0, 3, 1, 2, 3, 4, 5]);
        let count = |size| {
            Reader::new(&frame)
                .count(LengthForm::Int, size)
                .map_err(|error| error.kind)
        };
        assert_eq!(count(1), Ok(Some(3)));
        assert_eq!(
            count(2),
            Err(DecodeErrorKind::TooManyElements { count: 3, limit: 2 })
        );
    }

    #[test]
    fn shared_bytes_are_the_frame_itself() {
        let frame = Bytes::from(vec![1, 2, 3, 4]);
        let mut reader = Reader::new(&frame);
        reader.i8().expect("a byte");
        let taken = reader.take_shared(2).expect("two bytes");
        assert_eq!(taken.as_ptr(), frame[1..].as_ptr());
        assert_eq!((reader.position(), reader.remaining()), (3, 1));
    }
}
