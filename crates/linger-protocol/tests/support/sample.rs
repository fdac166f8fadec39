//! Values of every message, drawn from bytes: fewer and smaller bytes give simpler values, so that
//! a failing case shrinks.

use bytes::Bytes;
use linger_protocol::messages::*;
use linger_protocol::{ErrorCode, RecordSet, Str};

/// Bytes to draw decisions from; zeros once they have run out.
pub(crate) struct Entropy<'a>(pub(crate) std::slice::Iter<'a, u8>);

impl<'a> Entropy<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// An integer, often one at an edge.
    fn integer(&mut self) -> i64 {
        match self.byte() {
            0..32 => 0,
            32..64 => -1,
            64..80 => i64::MAX,
            80..96 => i64::from_be_bytes([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]),
            _ => i64::from_be_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// A size, now and then one at which a compact length takes another byte.
    fn size(&mut self, usual_max: u8) -> usize {
        match self.byte() {
            byte @ 0..248 => usize::from(byte % (usual_max + 1)),
            248..252 => 126,
            252..255 => 127,
            255 => 300,
        }
    }
}

pub(crate) trait Sample {
    fn sample(entropy: &mut Entropy<'_>) -> Self;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Sample for $type {
            fn sample(entropy: &mut Entropy<'_>) -> Self {
                entropy.integer() as Self
            }
        }
    )*};
}

integers!(i8, i16, i32, i64);

impl Sample for bool {
    fn sample(entropy: &mut Entropy<'_>) -> Self {
        entropy.byte() % 2 == 1
    }
}

impl Sample for ErrorCode {
    fn sample(entropy: &mut Entropy<'_>) -> Self {
        Self(entropy.integer() as i16)
    }
}

impl Sample for [u8; 16] {
    fn sample(entropy: &mut Entropy<'_>) -> Self {
        std::array::from_fn(|_| entropy.byte())
    }
}

impl Sample for Str {
    fn sample(entropy: &mut Entropy<'_>) -> Self {
        const LETTERS: [char; 8] = ['a', 'b', '.', '-', '\0', 'é', '日', '🦀'];
        let size = entropy.size(9);
        let text: String = (0..size)
            .map(|_| LETTERS[usize::from(entropy.byte() % 8)])
            .collect();
        text.into()
    }
}

impl Sample for RecordSet {
    fn sample(entropy: &mut Entropy<'_>) -> Self {
        let size = entropy.size(90);
        Bytes::from_iter((0..size).map(|_| entropy.byte())).into()
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(entropy: &mut Entropy<'_>) -> Self {
        let size = entropy.size(3);
        (0..size).map(|_| T::sample(entropy)).collect()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(entropy: &mut Entropy<'_>) -> Self {
        (entropy.byte() >= 64).then(|| T::sample(entropy))
    }
}

macro_rules! sample_structs {
    ($($name:ident $theirs:tt { $($field:ident),* $(,)? })*) => {$(
        impl Sample for $name {
            fn sample(entropy: &mut Entropy<'_>) -> Self {
                Self { $($field: Sample::sample(entropy),)* }
            }
        }
    )*};
}

crate::structs::all!(sample_structs);
