//! The types of message fields: how a value is written and read, and its smallest size.

use bytes::Bytes;

use crate::buffer::{ARRAY_CAPACITY_MAX, LengthForm};
use crate::{ApiKey, DecodeError, DecodeErrorKind, ErrorCode, Reader, RecordSet, Sink, Str, Uuid};

/// One of the layouts that a message has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) version: i16,
    /// Compact lengths and tagged fields (KIP-482).
    pub(crate) flexible: bool,
}

impl Layout {
    #[inline(always)]
    pub(crate) fn new(key: ApiKey, version: i16) -> Self {
        Self {
            version,
            flexible: key.is_flexible(version),
        }
    }

    fn string_length(self) -> LengthForm {
        if self.flexible {
            LengthForm::Compact
        } else {
            LengthForm::Short
        }
    }

    fn bytes_length(self) -> LengthForm {
        if self.flexible {
            LengthForm::Compact
        } else {
            LengthForm::Int
        }
    }
}

/// A value that can be a field of a message.
///
/// Methods for values of a fixed size are always inlined. Otherwise the compiler returns each
/// integer through memory, inside a result with space for an error. Decoding then takes three times
/// as long (60 instead of 20 ns per partition of a Produce response).
pub(crate) trait Field: Sized {
    /// Appends the value.
    fn write(&self, sink: &mut impl Sink, layout: Layout);
    /// Reads a value.
    fn read(reader: &mut Reader<'_>, layout: Layout) -> Result<Self, DecodeError>;
    /// Reads a value over an older one, whose memory is reused. After an error the value is a
    /// mixture of both.
    #[inline(always)]
    fn read_over(&mut self, reader: &mut Reader<'_>, layout: Layout) -> Result<(), DecodeError> {
        *self = Self::read(reader, layout)?;
        Ok(())
    }
    /// The smallest size of a value, in bytes. The size limits how many elements the remaining
    /// bytes can hold.
    fn size_min(layout: Layout) -> usize;
}

/// A field that can be null in at least one version.
pub(crate) trait Nullable: Field {
    fn is_null(&self) -> bool;
    /// The value that is written instead of null where a version has no null.
    fn empty() -> Self;
}

macro_rules! fixed_size {
    ($($type:ty: $read:ident, |$value:ident, $sink:ident| $write:expr;)*) => {$(
        impl Field for $type {
            #[inline(always)]
            fn write(&self, $sink: &mut impl Sink, _: Layout) {
                let $value = *self;
                $write
            }
            #[inline(always)]
            fn read(reader: &mut Reader<'_>, _: Layout) -> Result<Self, DecodeError> {
                reader.$read()
            }
            #[inline(always)]
            fn size_min(_: Layout) -> usize {
                size_of::<Self>()
            }
        }
    )*};
}

fixed_size! {
    i8: i8, |value, sink| sink.put_i8(value);
    i16: i16, |value, sink| sink.put_i16(value);
    i32: i32, |value, sink| sink.put_i32(value);
    i64: i64, |value, sink| sink.put_i64(value);
    Uuid: uuid, |value, sink| sink.put_slice(&value);
}

impl Field for bool {
    #[inline(always)]
    fn write(&self, sink: &mut impl Sink, _: Layout) {
        sink.put_i8(i8::from(*self));
    }

    #[inline(always)]
    fn read(reader: &mut Reader<'_>, _: Layout) -> Result<Self, DecodeError> {
        Ok(reader.i8()? != 0)
    }

    #[inline(always)]
    fn size_min(_: Layout) -> usize {
        1
    }
}

impl Field for ErrorCode {
    #[inline(always)]
    fn write(&self, sink: &mut impl Sink, _: Layout) {
        sink.put_i16(self.0);
    }

    #[inline(always)]
    fn read(reader: &mut Reader<'_>, _: Layout) -> Result<Self, DecodeError> {
        reader.i16().map(Self)
    }

    #[inline(always)]
    fn size_min(_: Layout) -> usize {
        2
    }
}

impl Field for Str {
    #[inline(always)]
    fn write(&self, sink: &mut impl Sink, layout: Layout) {
        write_str(sink, layout.string_length(), self);
    }

    #[inline(always)]
    fn read(reader: &mut Reader<'_>, layout: Layout) -> Result<Self, DecodeError> {
        let start = reader.position();
        match reader.nullable_str(layout.string_length())? {
            Some(text) => Ok(text),
            None => Err(reader.error_at(start, DecodeErrorKind::Null)),
        }
    }

    fn read_over(&mut self, reader: &mut Reader<'_>, layout: Layout) -> Result<(), DecodeError> {
        let start = reader.position();
        match reader.nullable_text(layout.string_length())? {
            Some(text) if *text == **self => {}
            Some(text) => *self = (&*text).into(),
            None => return Err(reader.error_at(start, DecodeErrorKind::Null)),
        }
        Ok(())
    }

    #[inline(always)]
    fn size_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 2 }
    }
}

impl Field for Option<Str> {
    #[inline(always)]
    fn write(&self, sink: &mut impl Sink, layout: Layout) {
        match self {
            Some(text) => text.write(sink, layout),
            None => write_length(sink, layout.string_length(), None),
        }
    }

    #[inline(always)]
    fn read(reader: &mut Reader<'_>, layout: Layout) -> Result<Self, DecodeError> {
        reader.nullable_str(layout.string_length())
    }

    #[inline(always)]
    fn size_min(layout: Layout) -> usize {
        Str::size_min(layout)
    }
}

impl Nullable for Option<Str> {
    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn empty() -> Self {
        Some(Str::default())
    }
}

impl Field for Option<RecordSet> {
    #[inline(always)]
    fn write(&self, sink: &mut impl Sink, layout: Layout) {
        let Some(records) = self else {
            return write_length(sink, layout.bytes_length(), None);
        };
        write_length(sink, layout.bytes_length(), Some(records.len()));
        if let Some(header) = &records.header {
            sink.put_slice(header);
        }
        sink.put_shared(&records.body);
    }

    #[inline(always)]
    fn read(reader: &mut Reader<'_>, layout: Layout) -> Result<Self, DecodeError> {
        let Some(length) = reader.length(layout.bytes_length())? else {
            return Ok(None);
        };
        let body = if length == 0 {
            Bytes::new()
        } else {
            reader.take_shared(length)?
        };
        Ok(Some(body.into()))
    }

    #[inline(always)]
    fn size_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }
}

impl<T: Field> Field for Vec<T> {
    #[inline]
    fn write(&self, sink: &mut impl Sink, layout: Layout) {
        write_length(sink, layout.bytes_length(), Some(self.len()));
        for element in self {
            element.write(sink, layout);
        }
    }

    #[inline]
    fn read(reader: &mut Reader<'_>, layout: Layout) -> Result<Self, DecodeError> {
        let start = reader.position();
        match Option::<Self>::read(reader, layout)? {
            Some(elements) => Ok(elements),
            None => Err(reader.error_at(start, DecodeErrorKind::Null)),
        }
    }

    #[inline]
    fn read_over(&mut self, reader: &mut Reader<'_>, layout: Layout) -> Result<(), DecodeError> {
        let start = reader.position();
        let Some(count) = reader.count(layout.bytes_length(), T::size_min(layout))? else {
            return Err(reader.error_at(start, DecodeErrorKind::Null));
        };
        self.truncate(count);
        for element in self.iter_mut() {
            element.read_over(reader, layout)?;
        }
        let more = count - self.len();
        self.reserve(more.min(ARRAY_CAPACITY_MAX));
        for _ in 0..more {
            self.push(T::read(reader, layout)?);
        }
        Ok(())
    }

    #[inline]
    fn size_min(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }
}

impl<T: Field> Field for Option<Vec<T>> {
    #[inline]
    fn write(&self, sink: &mut impl Sink, layout: Layout) {
        match self {
            Some(elements) => elements.write(sink, layout),
            None => write_length(sink, layout.bytes_length(), None),
        }
    }

    #[inline]
    fn read(reader: &mut Reader<'_>, layout: Layout) -> Result<Self, DecodeError> {
        let Some(count) = reader.count(layout.bytes_length(), T::size_min(layout))? else {
            return Ok(None);
        };
        let mut elements = Vec::with_capacity(count.min(ARRAY_CAPACITY_MAX));
        for _ in 0..count {
            elements.push(T::read(reader, layout)?);
        }
        Ok(Some(elements))
    }

    #[inline]
    fn size_min(layout: Layout) -> usize {
        Vec::<T>::size_min(layout)
    }
}

impl<T: Field> Nullable for Option<Vec<T>> {
    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn empty() -> Self {
        Some(Vec::new())
    }
}

/// Appends a string. A length that is not compact cannot exceed 32,767 bytes, and a longer string
/// is cut there. The frame stays valid, and the broker refuses the cut string. No name in Kafka is
/// longer than 249 bytes.
#[inline(always)]
pub(crate) fn write_str(sink: &mut impl Sink, form: LengthForm, text: &str) {
    let text = match form {
        LengthForm::Short if text.len() > i16::MAX as usize => {
            let end = (0..=i16::MAX as usize)
                .rev()
                .find(|&end| text.is_char_boundary(end));
            &text[..end.unwrap_or(0)]
        }
        _ => text,
    };
    write_length(sink, form, Some(text.len()));
    sink.put_slice(text.as_bytes());
}

/// Appends a length or count, `None` meaning null.
#[inline]
fn write_length(sink: &mut impl Sink, form: LengthForm, length: Option<usize>) {
    match (form, length) {
        (LengthForm::Compact, Some(length)) => sink.put_uvarint(length as u32 + 1),
        (LengthForm::Compact, None) => sink.put_uvarint(0),
        (LengthForm::Short, Some(length)) => sink.put_i16(length as i16),
        (LengthForm::Short, None) => sink.put_i16(-1),
        (LengthForm::Int, Some(length)) => sink.put_i32(length as i32),
        (LengthForm::Int, None) => sink.put_i32(-1),
    }
}

/// Compares two values of the same type, so that the type of a default is inferred.
pub(crate) fn differ<T: PartialEq>(value: &T, default: &T) -> bool {
    value != default
}

/// Appends a tagged field: its tag, the size of its value, its value.
pub(crate) fn write_tagged(sink: &mut impl Sink, tag: u32, value: &impl Field, layout: Layout) {
    let mut bytes = Vec::new();
    value.write(&mut bytes, layout);
    sink.put_uvarint(tag);
    sink.put_uvarint(bytes.len() as u32);
    sink.put_slice(&bytes);
}

/// The layout of a body.
pub(crate) fn body_layout(reader: &Reader<'_>, key: ApiKey, version: i16) -> Result<Layout, DecodeError> {
    let versions = key.versions();
    if versions.contains(&version) {
        return Ok(Layout::new(key, version));
    }
    let (min, max) = versions.into_inner();
    let kind = DecodeErrorKind::UnsupportedVersion { version, min, max };
    Err(reader.error_at(reader.position(), kind))
}
