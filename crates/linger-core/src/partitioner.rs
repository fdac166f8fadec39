//! Which partition a record with a key goes to.
//!
//! Records with a key go where the client they should agree with would put them: Java's (murmur2)
//! or librdkafka's (CRC-32). Both count all partitions, also those without a leader: a key's
//! partition never depends on outages. Records without a key go to the
//! [sticky](crate::append::sticky) partition.

/// Whose mapping of keys to partitions is used (`partitioner`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PartitionerKind {
    /// As Kafka's Java client: `murmur2(key) & 0x7fffffff % partitions`; an empty key is a key.
    #[default]
    Murmur2,
    /// As librdkafka's default, `consistent_random`: `crc32(key) % partitions`; an empty key counts
    /// as none.
    Crc32,
}

impl PartitionerKind {
    /// The partition index of a record with `key`, out of `partitions` (at least 1), or `None` when
    /// the record has no key for this partitioner and may go anywhere.
    #[inline]
    pub fn for_key(self, key: Option<&[u8]>, partitions: u32) -> Option<u32> {
        let key = key?;
        match self {
            Self::Murmur2 => Some((murmur2(key) & 0x7fff_ffff) % partitions),
            Self::Crc32 if key.is_empty() => None,
            Self::Crc32 => Some(crc32fast::hash(key) % partitions),
        }
    }
}

/// MurmurHash2 with the seed and the byte order of Kafka's Java client (`Utils.murmur2`).
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    // Java's lengths are 32-bit; longer keys than that do not fit into a record.
    let mut h = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ (k >> R)).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    if !tail.is_empty() {
        for (i, byte) in tail.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    // Apache Kafka, UtilsTest.testMurmur2.
    #[rstest]
    #[case("21", -973_932_308)]
    #[case("foobar", -790_332_482)]
    #[case("a-little-bit-long-string", -985_981_536)]
    #[case("a-little-bit-longer-string", -1_486_304_829)]
    #[case("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971)]
    #[case("abc", 479_470_107)]
    fn murmur2_is_javas(#[case] key: &str, #[case] expected: i32) {
        assert_eq!(murmur2(key.as_bytes()) as i32, expected);
    }

    // librdkafka, tests/0048-partitioner.c, murmur2 and consistent_random over 17 partitions.
    #[rstest]
    #[case(PartitionerKind::Murmur2, None, None)]
    #[case(PartitionerKind::Murmur2, Some(""), Some(0x106e_08d9))]
    #[case(PartitionerKind::Murmur2, Some("23456"), Some(0x058d_780f))]
    #[case(
        PartitionerKind::Murmur2,
        Some("this is another string with more length to it perhaps"),
        Some(0x4f77_03da)
    )]
    #[case(PartitionerKind::Murmur2, Some("hejsan"), Some(0x5ec1_9395))]
    #[case(PartitionerKind::Crc32, None, None)]
    #[case(PartitionerKind::Crc32, Some(""), None)]
    #[case(PartitionerKind::Crc32, Some("23456"), Some(0xb1b4_51d7))]
    #[case(
        PartitionerKind::Crc32,
        Some("this is another string with more length to it perhaps"),
        Some(0xb015_0df7)
    )]
    #[case(PartitionerKind::Crc32, Some("hejsan"), Some(0xd077_037e))]
    fn a_key_goes_where_librdkafka_puts_it(
        #[case] kind: PartitionerKind,
        #[case] key: Option<&str>,
        #[case] hash: Option<u32>,
    ) {
        for partitions in [1, 7, 17, 1000] {
            assert_eq!(
                kind.for_key(key.map(str::as_bytes), partitions),
                hash.map(|hash| hash % partitions)
            );
        }
    }

    #[test]
    fn a_hash_with_the_sign_bit_gives_a_partition() {
        assert_eq!(
            PartitionerKind::Murmur2.for_key(Some(b"21"), 10),
            Some((-973_932_308_i32 as u32 & 0x7fff_ffff) % 10)
        );
    }
}
