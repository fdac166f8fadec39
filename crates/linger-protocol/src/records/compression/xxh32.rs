//! XXH32 with seed 0: the checksum inside lz4 frames.

const PRIME_1: u32 = 0x9e37_79b1;
const PRIME_2: u32 = 0x85eb_ca77;
const PRIME_3: u32 = 0xc2b2_ae3d;
const PRIME_4: u32 = 0x27d4_eb2f;
const PRIME_5: u32 = 0x1656_67b1;

/// The four accumulators take this many bytes at a time.
const STRIPE: usize = 16;

/// XXH32 of `bytes`.
pub(super) fn xxh32(bytes: &[u8]) -> u32 {
    let (stripes, remaining) = bytes.as_chunks::<STRIPE>();
    let mut sum = if stripes.is_empty() {
        PRIME_5
    } else {
        accumulators(stripes)
    };
    sum = sum.wrapping_add(bytes.len() as u32);
    let (words, remaining) = remaining.as_chunks::<4>();
    for word in words {
        let mixed = u32::from_le_bytes(*word).wrapping_mul(PRIME_3);
        sum = sum.wrapping_add(mixed).rotate_left(17).wrapping_mul(PRIME_4);
    }
    for &byte in remaining {
        let mixed = u32::from(byte).wrapping_mul(PRIME_5);
        sum = sum.wrapping_add(mixed).rotate_left(11).wrapping_mul(PRIME_1);
    }
    sum = (sum ^ (sum >> 15)).wrapping_mul(PRIME_2);
    sum = (sum ^ (sum >> 13)).wrapping_mul(PRIME_3);
    sum ^ (sum >> 16)
}

fn accumulators(stripes: &[[u8; STRIPE]]) -> u32 {
    let mut accumulators = [PRIME_1.wrapping_add(PRIME_2), PRIME_2, 0, PRIME_1.wrapping_neg()];
    for stripe in stripes {
        let (words, _) = stripe.as_chunks::<4>();
        for (accumulator, word) in accumulators.iter_mut().zip(words) {
            let mixed = u32::from_le_bytes(*word).wrapping_mul(PRIME_2);
            *accumulator = accumulator
                .wrapping_add(mixed)
                .rotate_left(13)
                .wrapping_mul(PRIME_1);
        }
    }
    let [a, b, c, d] = accumulators;
    a.rotate_left(1)
        .wrapping_add(b.rotate_left(7))
        .wrapping_add(c.rotate_left(12))
        .wrapping_add(d.rotate_left(18))
}

#[cfg(test)]
mod tests {
    use super::xxh32;

    #[test]
    fn published_values() {
        assert_eq!(xxh32(b""), 0x02cc_5d05);
        assert_eq!(xxh32(b"a"), 0x550d_7456);
        assert_eq!(xxh32(b"abc"), 0x32d1_53ff);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xe229_3b2f);
        assert_eq!((xxh32(&[0x60, 0x40]) >> 8) as u8, 0x82);
    }
}
