//! The types that fields of messages have, and the macro that joins them into structs.
//!
//! A struct is written down once, each field with the versions it exists in. From that come the struct, its
//! defaults, its encoder and its decoder:
//!
//! ```text
//! message! {
//!     /// Answers one topic.
//!     pub struct Example {
//!         /// Always there.
//!         pub name: Str => [0..],
//!         /// Null is allowed from version 4 on; before that an absent value is sent as an empty one.
//!         pub groups: Option<Vec<i32>> => [0..] nullable [4..],
//!         /// Versions 8 to 10 only; -1 elsewhere.
//!         pub operations: i32 => [8..=10] = -1,
//!         /// In the tagged section (KIP-482), and only if it differs from the default.
//!         pub leader: Leader => [10..] tag 0,
//!     }
//! }
//! ```

use bytes::Bytes;

use crate::buffer::{ARRAY_CAPACITY_MAX, LengthForm};
use crate::{ApiKey, DecodeError, DecodeErrorKind, ErrorCode, Reader, RecordSet, Sink, Str, Uuid};

/// Which of a message's layouts is meant.
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
/// Those of a fixed size are always inlined: left to itself the compiler returns each integer through memory, wrapped
/// in a result with room for an error, and decoding takes three times as long (20 against 60 ns per partition of a
/// Produce answer).
pub(crate) trait Field: Sized {
    /// Appends it.
    fn write(&self, sink: &mut impl Sink, layout: Layout);
    /// Reads it.
    fn read(reader: &mut Reader<'_>, layout: Layout) -> Result<Self, DecodeError>;
    /// The fewest bytes that one can take, which bounds how many of them can follow.
    fn size_min(layout: Layout) -> usize;
}

/// A field that can be null, in some versions at least.
pub(crate) trait Nullable: Field {
    fn is_null(&self) -> bool;
    /// Stands in for null where a version has no null.
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
        write_length(sink, layout.string_length(), Some(self.len()));
        sink.put_slice(self.as_bytes());
    }

    #[inline(always)]
    fn read(reader: &mut Reader<'_>, layout: Layout) -> Result<Self, DecodeError> {
        let start = reader.position();
        match reader.nullable_str(layout.string_length())? {
            Some(text) => Ok(text),
            None => Err(reader.error_at(start, DecodeErrorKind::Null)),
        }
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

/// `!=` between values of one type, so that a default's type is known.
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

/// Defines a struct of a message; see the module's documentation.
macro_rules! message {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {$(
            $(#[$field_meta:meta])*
            pub $field:ident: $type:ty => $versions:tt $(nullable $nullable:tt)? $(tag $tag:literal)? $(= $default:expr)?,
        )*}
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {$(
            $(#[$field_meta])*
            #[doc = concat!("\n\nVersions `", stringify!($versions), "`.")]
            pub $field: $type,
        )*}

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: field_default!($($default)?),)* }
            }
        }

        impl $crate::primitives::Field for $name {
            fn write(&self, sink: &mut impl $crate::Sink, layout: $crate::primitives::Layout) {
                $(
                    if in_versions!(layout, $versions $($tag)?) {
                        write_field!(self.$field, sink, layout $(, $nullable)?);
                    }
                )*
                if layout.flexible {
                    let tagged = 0_u32 $(
                        + tagged_field!([$($tag)?] [$($default)?] $versions, self.$field, layout => 1, 0)
                    )*;
                    sink.put_uvarint(tagged);
                    $(
                        tagged_field!([$($tag)?] [$($default)?] $versions, self.$field, layout =>
                            $crate::primitives::write_tagged(sink, 0 $(+ $tag)?, &self.$field, layout), ()
                        );
                    )*
                }
            }

            fn read(
                reader: &mut $crate::Reader<'_>,
                layout: $crate::primitives::Layout,
            ) -> Result<Self, $crate::DecodeError> {
                $(
                    #[allow(unused_mut, reason = "only a tagged field is assigned again")]
                    let mut $field: $type = if in_versions!(layout, $versions $($tag)?) {
                        read_field!($name.$field: $type, reader, layout $(, $nullable)?)
                    } else {
                        field_default!($($default)?)
                    };
                )*
                if layout.flexible {
                    for _ in 0..reader.tagged_field_count()? {
                        let (tag, mut value) = reader.tagged_field()?;
                        let value = &mut value;
                        match tag {
                            $($(
                                $tag if tag_in_versions!(layout, $versions, $tag) => {
                                    $field = read_field!($name.$field: $type, value, layout);
                                }
                            )?)*
                            _ => {
                                let _ = value; // unknown: skipped
                            }
                        }
                    }
                }
                Ok(Self { $($field,)* })
            }

            #[inline]
            fn size_min(layout: $crate::primitives::Layout) -> usize {
                let mut size = usize::from(layout.flexible);
                $(
                    if in_versions!(layout, $versions $($tag)?) {
                        size += <$type as $crate::primitives::Field>::size_min(layout);
                    }
                )*
                size
            }
        }
    )*};
}

macro_rules! field_default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

/// Whether a field stands among the ordinary ones: never if it has a tag.
macro_rules! in_versions {
    ($layout:ident, [0..]) => {
        true
    };
    ($layout:ident, [$($versions:tt)*]) => {
        matches!($layout.version, $($versions)*)
    };
    ($layout:ident, [$($versions:tt)*] $tag:literal) => {
        false
    };
}

macro_rules! tag_in_versions {
    ($layout:ident, [$($versions:tt)*], $tag:literal) => {
        matches!($layout.version, $($versions)*)
    };
}

/// Evaluates the first expression for a tagged field that differs from its default, else the second.
macro_rules! tagged_field {
    ([] $default:tt $versions:tt, $value:expr, $layout:ident => $differs:expr, $same:expr) => {
        $same
    };
    ([$tag:literal] [$($default:expr)?] $versions:tt, $value:expr, $layout:ident => $differs:expr, $same:expr) => {
        if tag_in_versions!($layout, $versions, $tag)
            && $crate::primitives::differ(&$value, &field_default!($($default)?))
        {
            $differs
        } else {
            $same
        }
    };
}

macro_rules! write_field {
    ($value:expr, $sink:ident, $layout:ident) => {
        $crate::primitives::Field::write(&$value, $sink, $layout)
    };
    ($value:expr, $sink:ident, $layout:ident, [$($versions:tt)*]) => {
        if $crate::primitives::Nullable::is_null(&$value) && !matches!($layout.version, $($versions)*) {
            fn empty<T: $crate::primitives::Nullable>(_: &T) -> T {
                T::empty()
            }
            $crate::primitives::Field::write(&empty(&$value), $sink, $layout)
        } else {
            $crate::primitives::Field::write(&$value, $sink, $layout)
        }
    };
}

macro_rules! read_field {
    ($name:ident.$field:ident: $type:ty, $reader:ident, $layout:ident) => {
        <$type as $crate::primitives::Field>::read($reader, $layout)
            .map_err(|error| error.in_field(concat!(stringify!($name), ".", stringify!($field))))?
    };
    ($name:ident.$field:ident: $type:ty, $reader:ident, $layout:ident, [$($versions:tt)*]) => {{
        let start = $reader.position();
        let value = read_field!($name.$field: $type, $reader, $layout);
        if $crate::primitives::Nullable::is_null(&value) && !matches!($layout.version, $($versions)*) {
            let error = $reader.error_at(start, $crate::DecodeErrorKind::Null);
            return Err(error.in_field(concat!(stringify!($name), ".", stringify!($field))));
        }
        value
    }};
}

/// Makes two structs the request and the response of an API.
macro_rules! api {
    ($key:ident: $request:ident => $response:ident) => {
        impl $crate::Message for $request {
            fn encode(&self, sink: &mut impl $crate::Sink, version: i16) {
                let layout = $crate::primitives::Layout::new($crate::ApiKey::$key, version);
                $crate::primitives::Field::write(self, sink, layout);
            }

            fn decode(reader: &mut $crate::Reader<'_>, version: i16) -> Result<Self, $crate::DecodeError> {
                $crate::primitives::decode_body(reader, $crate::ApiKey::$key, version)
            }
        }

        impl $crate::Message for $response {
            fn encode(&self, sink: &mut impl $crate::Sink, version: i16) {
                let layout = $crate::primitives::Layout::new($crate::ApiKey::$key, version);
                $crate::primitives::Field::write(self, sink, layout);
            }

            fn decode(reader: &mut $crate::Reader<'_>, version: i16) -> Result<Self, $crate::DecodeError> {
                $crate::primitives::decode_body(reader, $crate::ApiKey::$key, version)
            }
        }

        impl $crate::Request for $request {
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
            type Response = $response;
        }
    };
}

/// Reads a whole body after checking that its version exists.
pub(crate) fn decode_body<T: Field>(
    reader: &mut Reader<'_>,
    key: ApiKey,
    version: i16,
) -> Result<T, DecodeError> {
    let versions = key.versions();
    if !versions.contains(&version) {
        let (min, max) = versions.into_inner();
        let kind = DecodeErrorKind::UnsupportedVersion { version, min, max };
        return Err(reader.error_at(reader.position(), kind));
    }
    T::read(reader, Layout::new(key, version))
}
