//! The targets of encoded bytes.
//!
//! Encoding appends and cannot fail. A [`Vec`] copies all bytes. A [`Scatter`] keeps large payloads
//! by reference, so that a batch is not copied between the accumulator and the socket.

use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Shared payloads below this size are copied, because another slice in a vectored write costs
/// more.
const SHARED_SIZE_MIN: usize = 256;

/// Takes encoded bytes, in order.
pub trait Sink {
    /// Appends a copy of `bytes`.
    fn put_slice(&mut self, bytes: &[u8]);

    /// Appends `bytes`, by reference if the sink supports that.
    fn put_shared(&mut self, bytes: &Bytes);

    /// Returns how many bytes have been appended, shared ones included.
    fn size(&self) -> usize;

    /// Appends four bytes to be filled in later by [`Sink::fill`].
    fn put_gap(&mut self) -> Gap;

    /// Writes `value`, big endian, into a gap of this sink.
    fn fill(&mut self, gap: Gap, value: i32);

    /// Appends an `i8`.
    #[inline]
    fn put_i8(&mut self, value: i8) {
        self.put_slice(&value.to_be_bytes());
    }

    /// Appends an `i16`, big endian.
    #[inline]
    fn put_i16(&mut self, value: i16) {
        self.put_slice(&value.to_be_bytes());
    }

    /// Appends an `i32`, big endian.
    #[inline]
    fn put_i32(&mut self, value: i32) {
        self.put_slice(&value.to_be_bytes());
    }

    /// Appends an `i64`, big endian.
    #[inline]
    fn put_i64(&mut self, value: i64) {
        self.put_slice(&value.to_be_bytes());
    }

    /// Appends an unsigned variable-length integer (KIP-482).
    #[inline]
    fn put_uvarint(&mut self, value: u32) {
        if value < 0x80 {
            return self.put_slice(&[value as u8]);
        }
        let mut bytes = [0; 5];
        let mut length = 0;
        let mut rest = value;
        while rest >= 0x80 {
            bytes[length] = rest as u8 | 0x80;
            rest >>= 7;
            length += 1;
        }
        bytes[length] = rest as u8;
        self.put_slice(&bytes[..=length]);
    }
}

/// Four bytes of a [`Sink`] that are to be filled in once their value is known.
#[derive(Debug)]
#[must_use = "an unfilled gap is four zero bytes"]
pub struct Gap {
    at: usize,
}

impl Sink for Vec<u8> {
    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_shared(&mut self, bytes: &Bytes) {
        self.extend_from_slice(bytes);
    }

    fn size(&self) -> usize {
        self.len()
    }

    fn put_gap(&mut self) -> Gap {
        let at = self.len();
        self.extend_from_slice(&[0; 4]);
        Gap { at }
    }

    fn fill(&mut self, gap: Gap, value: i32) {
        self[gap.at..gap.at + 4].copy_from_slice(&value.to_be_bytes());
    }
}

/// Encoded bytes interleaved with shared payloads, for one vectored write.
///
/// ```text
/// head    [ framing … ][ framing … ][ framing ]      one growing buffer
///                ^at          ^at
/// shared      [ records ]  [ records ]               by reference
/// ```
///
/// A scatter is a [`Buf`]: write it with `write_buf`, which advances past the bytes that the socket
/// accepted. [`Scatter::clear`] drops the references and keeps the buffers.
#[derive(Debug, Default, Clone)]
pub struct Scatter {
    head: Vec<u8>,
    shared: Vec<Shared>,
    shared_size: usize,
    read: Cursor,
}

#[derive(Debug, Clone)]
struct Shared {
    /// The number of bytes of the head before this payload.
    at: usize,
    bytes: Bytes,
}

/// The position up to which bytes were consumed: in the head, in the list of payloads, and in the
/// next payload.
#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    head: usize,
    shared: usize,
    within: usize,
}

impl Scatter {
    /// Creates an empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes all bytes and keeps the capacity for the next message.
    pub fn clear(&mut self) {
        self.head.clear();
        self.shared.clear();
        self.shared_size = 0;
        self.read = Cursor::default();
    }

    /// Returns the pieces that have not been consumed yet, in order and none of them empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.read;
        std::iter::from_fn(move || {
            let piece = self.piece(at);
            self.step(&mut at, piece.len());
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Copies what has not been consumed yet into one buffer.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.remaining());
        for slice in self.slices() {
            bytes.extend_from_slice(slice);
        }
        bytes
    }

    /// The contiguous bytes at a cursor; empty only at the end.
    #[inline]
    fn piece(&self, at: Cursor) -> &[u8] {
        match self.shared.get(at.shared) {
            Some(shared) if shared.at == at.head => &shared.bytes[at.within..],
            Some(shared) => &self.head[at.head..shared.at],
            None => &self.head[at.head..],
        }
    }

    /// Moves a cursor within its piece, and past it if `count` is all of it.
    #[inline]
    fn step(&self, at: &mut Cursor, count: usize) {
        match self.shared.get(at.shared) {
            Some(shared) if shared.at == at.head => {
                at.within += count;
                if at.within == shared.bytes.len() {
                    at.shared += 1;
                    at.within = 0;
                }
            }
            _ => at.head += count,
        }
    }
}

impl Sink for Scatter {
    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
    }

    fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED_SIZE_MIN {
            return self.head.extend_from_slice(bytes);
        }
        self.shared_size += bytes.len();
        self.shared.push(Shared {
            at: self.head.len(),
            bytes: bytes.clone(),
        });
    }

    fn size(&self) -> usize {
        self.head.len() + self.shared_size
    }

    fn put_gap(&mut self) -> Gap {
        self.head.put_gap()
    }

    fn fill(&mut self, gap: Gap, value: i32) {
        self.head.fill(gap, value);
    }
}

impl Buf for Scatter {
    fn remaining(&self) -> usize {
        let consumed_shared: usize = self.shared[..self.read.shared]
            .iter()
            .map(|shared| shared.bytes.len())
            .sum();
        self.size() - self.read.head - consumed_shared - self.read.within
    }

    fn chunk(&self) -> &[u8] {
        self.piece(self.read)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slot, piece) in slices.iter_mut().zip(self.slices()) {
            *slot = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let step = self.piece(self.read).len().min(count);
            assert!(step > 0, "advanced {count} bytes past the end");
            let mut read = self.read;
            self.step(&mut read, step);
            self.read = read;
            count -= step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scatter() -> (Scatter, Vec<u8>) {
        let large = Bytes::from(vec![7; SHARED_SIZE_MIN]);
        let mut scatter = Scatter::new();
        let mut flat = Vec::new();
        fn fill(sink: &mut impl Sink, large: &Bytes) {
            let gap = sink.put_gap();
            sink.put_i16(258);
            sink.put_shared(large);
            sink.put_shared(large);
            sink.put_shared(&Bytes::from_static(b"small"));
            sink.put_uvarint(300);
            sink.put_shared(large);
            let size = sink.size() as i32;
            sink.fill(gap, size);
        }
        fill(&mut scatter, &large);
        fill(&mut flat, &large);
        (scatter, flat)
    }

    #[test]
    fn a_scatter_holds_the_bytes_that_a_vector_would() {
        let (scatter, flat) = scatter();
        assert_eq!(scatter.size(), flat.len());
        assert_eq!(scatter.to_vec(), flat);
        assert_eq!(scatter.slices().count(), 5);
    }

    #[test]
    fn a_large_payload_is_not_copied() {
        let large = Bytes::from(vec![7; SHARED_SIZE_MIN]);
        let mut scatter = Scatter::new();
        scatter.put_shared(&large);
        assert_eq!(scatter.chunk().as_ptr(), large.as_ptr());
    }

    #[test]
    fn partial_writes_of_any_size_lose_nothing() {
        let (whole, flat) = scatter();
        for step in 1..flat.len() {
            let mut rest = whole.clone();
            let mut written = Vec::new();
            while rest.has_remaining() {
                let before = rest.remaining();
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = rest.chunks_vectored(&mut slices);
                assert!(filled > 0, "bytes remain");
                let taken: Vec<u8> = slices[..filled]
                    .iter()
                    .flat_map(|slice| slice.iter().copied())
                    .take(step)
                    .collect();
                rest.advance(taken.len());
                assert_eq!(rest.remaining(), before - taken.len());
                written.extend_from_slice(&taken);
            }
            assert_eq!(written, flat, "in steps of {step}");
        }
    }

    #[test]
    fn clear_drops_the_references() {
        let owner = Bytes::from(vec![7; SHARED_SIZE_MIN]);
        let mut scatter = Scatter::new();
        scatter.put_shared(&owner);
        assert!(!owner.is_unique());
        scatter.clear();
        assert!(owner.is_unique());
        assert_eq!((scatter.size(), scatter.remaining()), (0, 0));
    }
}
