//! A fast hash for names that the application chose, and the one table that uses it.
//!
//! SipHash would take 15 ns of the 70 ns a record may cost. Topic names come from the application
//! and the cluster's administrators, not from an attacker; a producer with thousands of colliding
//! topics would only be slower.

use std::borrow::Borrow;

/// Mixes all bits of `x` into all bits of the result (the finalizer of splitmix64).
#[inline]
pub(crate) fn mix(x: u64) -> u64 {
    let mut x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The hash of `bytes`, the same in every process.
#[inline]
pub(crate) fn of(bytes: &[u8]) -> u64 {
    const K: u64 = 0x517c_c1b7_2722_0a95;
    let fold = |h: u64, word: u64| (h.rotate_left(5) ^ word).wrapping_mul(K);
    let mut h = bytes.len() as u64;
    for word in bytes.as_chunks::<8>().0 {
        h = fold(h, u64::from_le_bytes(*word));
    }
    h = fold(h, last_word(bytes));
    h ^ (h >> 29)
}

/// Whether two names are equal: for the few bytes of a name, a call to `memcmp` would take longer
/// than comparing.
#[inline]
pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len() && last_word(a) == last_word(b) && {
        let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
        a.iter()
            .zip(b)
            .all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
    }
}

/// The last eight bytes, or if there are fewer, a number that only the same bytes give. The loads
/// overlap: putting a short tail together in memory would cost a stalled load.
#[inline]
fn last_word(bytes: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*last);
    }
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
        }
        _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// A look-up of values by name that is built once and cannot be iterated, so nothing observable
/// depends on its order. Open addressing over a power of two at most half full; the entries are the
/// caller's, sorted as it likes.
#[derive(Debug, Clone)]
pub(crate) struct NameIndex {
    /// Index of the entry plus one; 0 is empty.
    slots: Box<[u32]>,
}

impl NameIndex {
    /// Indexes `entries` by the name that each borrows as. Of equal names the first is found.
    pub(crate) fn new<T: Borrow<str>>(entries: impl ExactSizeIterator<Item = T>) -> Self {
        let size = (entries.len() * 2).next_power_of_two().max(2);
        let mut slots = vec![0_u32; size].into_boxed_slice();
        for (index, entry) in entries.enumerate() {
            let mut at = of(entry.borrow().as_bytes()) as usize & (size - 1);
            while slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            slots[at] = index as u32 + 1;
        }
        Self { slots }
    }

    /// The index of the first entry for which `is_it` holds among those that may bear `name`.
    #[inline]
    pub(crate) fn find(&self, name: &str, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut at = of(name.as_bytes()) as usize & mask;
        loop {
            match self.slots[at] {
                0 => return None,
                slot if is_it(slot as usize - 1) => return Some(slot as usize - 1),
                _ => at = (at + 1) & mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_indexed_name_is_found_and_no_other() {
        let names: Vec<String> = (0..5000).map(|n| format!("topic-{n}")).collect();
        let index = NameIndex::new(names.iter().map(String::as_str));
        for (n, name) in names.iter().enumerate() {
            assert_eq!(index.find(name, |i| names[i] == *name), Some(n));
        }
        assert_eq!(index.find("topic-5000", |i| names[i] == "topic-5000"), None);
        assert_eq!(
            NameIndex::new(std::iter::empty::<&str>()).find("", |_| true),
            None
        );
    }

    #[test]
    fn names_are_the_same_only_if_all_bytes_are() {
        let long = "abcdefghijklmnopqrstuvwxyz";
        for length in 0..=long.len() {
            let name = &long[..length];
            assert!(same(name, name));
            assert!(length == 0 || !same(name, &long[..length - 1]));
            for changed in 0..length {
                let mut other = name.to_owned().into_bytes();
                other[changed] ^= 1;
                let other = String::from_utf8(other).unwrap();
                assert!(!same(name, &other), "{name} {other}");
                assert_ne!(of(name.as_bytes()), of(other.as_bytes()));
            }
        }
    }

    #[test]
    fn names_that_differ_in_padding_hash_differently() {
        assert_ne!(of(b"a"), of(b"a\0"));
        assert_ne!(of(b""), of(b"\0\0\0\0\0\0\0\0"));
    }
}
