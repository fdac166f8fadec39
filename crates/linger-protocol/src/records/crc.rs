//! CRC-32C, and the checksum of `a ++ b` from the checksums of `a` and `b`.
//!
//! A batch's checksum covers producer id, epoch and sequence, which stand before the records and
//! are known last. The records are summed earlier, while they are in the cache of the core that
//! wrote them. Combining the two checksums costs the same for 1 KiB and 1 MiB of records. The
//! combine functions of other crates square matrices, which takes several microseconds. Multiplying
//! polynomials takes tens of nanoseconds.

/// CRC-32C of `bytes`.
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    ::crc32c::crc32c(bytes)
}

/// CRC-32C of `a ++ b`, given the checksum of each and the length of `b` in bytes.
pub fn crc32c_combine(a: u32, b: u32, b_len: usize) -> u32 {
    ShiftOperator::over(b_len).combine(a, b)
}

/// The effect of appending `len` bytes on a checksum: the polynomial x^(8·len) modulo Castagnoli's.
///
/// The operator is computed once per batch. Each later combination is then one multiplication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShiftOperator(u32);

impl ShiftOperator {
    /// The operator for `len` bytes.
    pub const fn over(len: usize) -> Self {
        let (mut rest, mut group) = (len as u64, 0);
        // The first factor is assigned, which saves a multiplication by one.
        let mut operator = None;
        while rest != 0 {
            let nibble = (rest & 0xf) as usize;
            if nibble != 0 {
                let factor = SHIFTS[group][nibble];
                operator = Some(match operator {
                    Some(operator) => multiply(factor, operator),
                    None => factor,
                });
            }
            rest >>= 4;
            group += 1;
        }
        match operator {
            Some(operator) => Self(operator),
            None => Self(ONE),
        }
    }

    /// CRC-32C of `a ++ b`, where `b` has the length this operator was made for.
    #[inline]
    pub const fn combine(self, a: u32, b: u32) -> u32 {
        multiply(self.0, a) ^ b
    }
}

/// Castagnoli's polynomial, bits reversed: bit 31 is x^0, bit 0 is x^31.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// The polynomial 1.
const ONE: u32 = 1 << 31;
/// The polynomial x.
const X: u32 = 1 << 30;

/// Nibbles of a 64-bit length.
const NIBBLES: usize = 16;

/// `SHIFTS[group][nibble]` = x^(8 · nibble · 16^group): at most one multiplication per four bits of
/// a length.
const SHIFTS: [[u32; 16]; NIBBLES] = {
    let mut shifts = [[ONE; 16]; NIBBLES];
    let mut byte = X;
    let mut doubling = 0;
    while doubling < 3 {
        byte = multiply(byte, byte);
        doubling += 1;
    }
    let mut group = 0;
    let mut unit = byte;
    while group < NIBBLES {
        let mut nibble = 1;
        while nibble < 16 {
            shifts[group][nibble] = multiply(shifts[group][nibble - 1], unit);
            nibble += 1;
        }
        unit = multiply(shifts[group][15], unit);
        group += 1;
    }
    shifts
};

/// Product of two polynomials over GF(2), modulo [`POLYNOMIAL`].
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 0;
    while bit < 32 {
        // Masks instead of branches, because the bits of a checksum cannot be predicted.
        product ^= b & ((a << bit) as i32 >> 31) as u32;
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
        bit += 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        (0..len)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect()
    }

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn combining_equals_summing_the_whole() {
        let bytes = noise(70_000);
        let lengths = (0..=300).chain((0..=16).flat_map(|power| {
            let len = 1usize << power;
            [len.saturating_sub(1), len, len + 1]
        }));
        for b_len in lengths.chain([16_384, 65_537, 69_960]) {
            for a_len in [0, 1, 40] {
                let (a, b) = bytes[..a_len + b_len].split_at(a_len);
                assert_eq!(
                    crc32c_combine(crc32c(a), crc32c(b), b.len()),
                    crc32c(&bytes[..a_len + b_len]),
                    "{a_len} and {b_len} bytes"
                );
            }
        }
    }

    #[test]
    fn combining_agrees_with_the_crate_for_lengths_that_no_test_can_hold() {
        for len in [
            1 << 20,
            (1 << 20) + 12_345,
            i32::MAX as usize,
            u32::MAX as usize,
            1 << 40,
        ] {
            let (a, b) = (0xdead_beef, 0x0bad_cafe);
            assert_eq!(
                crc32c_combine(a, b, len),
                ::crc32c::crc32c_combine(a, b, len),
                "{len} bytes"
            );
        }
    }
}
