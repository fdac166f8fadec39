//! Turns our values into the oracle's, field by field, adding tagged fields that nobody knows.

use std::collections::BTreeMap;
use std::str::FromStr;

use bytes::Bytes;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use linger_protocol::{ErrorCode, RecordSet, Str, messages as ours};

use crate::sample::Entropy;

/// Which tagged fields to add to each struct.
pub(crate) struct Tags<'a>(pub(crate) Option<Entropy<'a>>);

impl Tags<'_> {
    fn draw(&mut self) -> BTreeMap<i32, Bytes> {
        let Some(entropy) = &mut self.0 else {
            return BTreeMap::new();
        };
        let count = entropy.byte() % 3;
        (0..count)
            .map(|_| {
                let tag = 50 + i32::from(entropy.byte()) * 7;
                let size = entropy.byte() % 200;
                (tag, Bytes::from_iter((0..size).map(|_| entropy.byte())))
            })
            .collect()
    }
}

pub(crate) trait Mirror<T> {
    fn mirror(&self, tags: &mut Tags<'_>) -> T;
}

macro_rules! mirror_scalars {
    ($($ours:ty => $theirs:ty: |$value:ident| $mirrored:expr;)*) => {$(
        impl Mirror<$theirs> for $ours {
            fn mirror(&self, _: &mut Tags<'_>) -> $theirs {
                let $value = self;
                $mirrored
            }
        }
    )*};
}

mirror_scalars! {
    bool => bool: |value| *value;
    i8 => i8: |value| *value;
    i16 => i16: |value| *value;
    i32 => i32: |value| *value;
    i64 => i64: |value| *value;
    i32 => BrokerId: |value| BrokerId(*value);
    i64 => ProducerId: |value| ProducerId(*value);
    ErrorCode => i16: |value| value.0;
    RecordSet => Bytes: |value| value.to_bytes();
    Str => StrBytes: |value| StrBytes::from_string(value.to_string());
    Str => TopicName: |value| TopicName(StrBytes::from_string(value.to_string()));
    Str => TransactionalId: |value| TransactionalId(StrBytes::from_string(value.to_string()));
}

/// Topic ids, whose type the oracle does not name.
impl<T: FromStr<Err: std::fmt::Debug>> Mirror<T> for [u8; 16] {
    fn mirror(&self, _: &mut Tags<'_>) -> T {
        let hex: String = self.iter().map(|byte| format!("{byte:02x}")).collect();
        hex.parse().expect("32 hexadecimal digits")
    }
}

impl<A: Mirror<B>, B> Mirror<Vec<B>> for Vec<A> {
    fn mirror(&self, tags: &mut Tags<'_>) -> Vec<B> {
        self.iter().map(|element| element.mirror(tags)).collect()
    }
}

impl<A: Mirror<B>, B> Mirror<Option<B>> for Option<A> {
    fn mirror(&self, tags: &mut Tags<'_>) -> Option<B> {
        self.as_ref().map(|value| value.mirror(tags))
    }
}

macro_rules! mirror_structs {
    ($($name:ident ($($theirs:path),*) $fields:tt)*) => {$($(
        mirror_struct!($name, $theirs, $fields);
    )*)*};
}

macro_rules! mirror_struct {
    ($name:ident, $theirs:path, { $($field:ident),* $(,)? }) => {
        impl Mirror<$theirs> for ours::$name {
            fn mirror(&self, tags: &mut Tags<'_>) -> $theirs {
                let Self { $($field),* } = self; // names every field
                let mut theirs = <$theirs>::default();
                $(theirs.$field = $field.mirror(tags);)*
                theirs.unknown_tagged_fields = tags.draw();
                theirs
            }
        }
    };
}

crate::structs::all!(mirror_structs);
