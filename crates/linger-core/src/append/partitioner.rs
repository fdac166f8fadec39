//! Which partition a record goes to: a hash of its key, or the sticky partition of whoever sends it.
//!
//! Records with a key go where the client they should agree with would put them: Java's (murmur2) or librdkafka's
//! (CRC-32). Both count all partitions, also those without a leader: a key's partition never depends on outages.
//! Records without a key stick to one partition until about a batch of bytes went there (KIP-794), then move on, so
//! that batches fill.

use crate::append::cluster_view::TopicView;
use crate::append::hash::mix;

/// Whose mapping of keys to partitions is used (`partitioner`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PartitionerKind {
    /// As Kafka's Java client: `murmur2(key) & 0x7fffffff % partitions`; an empty key is a key.
    #[default]
    Murmur2,
    /// As librdkafka's default, `consistent_random`: `crc32(key) % partitions`; an empty key counts as none.
    Crc32,
}

impl PartitionerKind {
    /// The partition index of a record with `key`, out of `partitions` (at least 1), or `None` when the record has no
    /// key for this partitioner and may go anywhere.
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

/// The sticky partition of one topic, for one sender of records (a thread, a task, a handle).
///
/// It belongs to its caller, because one shared by all threads makes them fight for one queue: 116 against 76 ns per
/// record with two threads. Partitions are taken in turn from a starting point drawn from the seed, so each available
/// one gets the same share.
#[derive(Debug, Clone)]
pub struct Sticky {
    /// Position in the round over the available partitions, which may have become fewer.
    position: usize,
    /// Bytes sent to the present partition.
    bytes: usize,
}

impl Sticky {
    /// A sender to `topic`, whose starting point follows from `seed`; give each thread another.
    pub fn new(seed: u64, topic: &TopicView) -> Self {
        let start = mix(seed ^ crate::append::hash::of(topic.name.as_bytes()));
        let spread = topic.available.len().max(topic.partitions.len()).max(1);
        Self {
            position: (start % spread as u64) as usize,
            bytes: 0,
        }
    }

    /// The partition index that the next record without a key goes to: one that has a leader, if any has.
    /// `None` if the topic has no partitions. `topic` is the newest view of the topic that this was made for.
    #[inline]
    pub fn partition(&mut self, topic: &TopicView) -> Option<u32> {
        if let Some(index) = topic.available.get(self.position) {
            return Some(*index);
        }
        self.wrap(topic)
    }

    #[cold]
    fn wrap(&mut self, topic: &TopicView) -> Option<u32> {
        if topic.available.is_empty() {
            let count = topic.partitions.len();
            return (self.position.checked_rem(count)).map(|index| index as u32);
        }
        self.position %= topic.available.len();
        Some(topic.available[self.position])
    }

    /// Notes that `bytes` went to the sticky partition; moves on once they make a batch (`batch_size`), or at once if the
    /// record filled the open batch, whoever had filled it before.
    #[inline]
    pub fn sent(&mut self, bytes: usize, filled: Filled, batch_size: usize) {
        self.bytes += bytes;
        if filled == Filled::Yes || self.bytes >= batch_size {
            self.skip();
        }
    }

    /// Moves on to the next partition: the present one has had its share, or cannot take a record.
    pub fn skip(&mut self) {
        self.bytes = 0;
        self.position += 1;
    }
}

/// Whether a record completed its batch: one more like it would pass `batch.size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The batch is full.
    Yes,
    /// The batch has room, or was full before.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::append::cluster_view::{PartitionView, TopicState};
    use crate::ids::BrokerId;
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

    fn topic(name: &str, with_leader: &[bool]) -> TopicView {
        let (accumulator, _) = crate::testing::queue(|_| {});
        let name: std::sync::Arc<str> = name.into();
        let partitions = with_leader
            .iter()
            .enumerate()
            .map(|(index, leader)| PartitionView {
                queue: accumulator.queue(&name, index as i32),
                leader: leader.then_some(BrokerId(1)),
                leader_epoch: 0,
            });
        TopicView::new(name.clone(), [0; 16], TopicState::Ok, partitions.collect())
    }

    #[test]
    fn records_stick_until_a_batch_of_bytes_went_to_a_partition() {
        let topic = topic("t", &[true; 4]);
        let mut sticky = Sticky::new(1, &topic);
        let first = sticky.partition(&topic).unwrap();
        for _ in 0..9 {
            sticky.sent(100, Filled::No, 1000);
            assert_eq!(sticky.partition(&topic), Some(first));
        }
        sticky.sent(100, Filled::No, 1000);
        assert_eq!(sticky.partition(&topic), Some((first + 1) % 4));
        sticky.sent(1, Filled::Yes, 1000);
        assert_eq!(
            sticky.partition(&topic),
            Some((first + 2) % 4),
            "somebody else had filled most of it"
        );
    }

    #[test]
    fn each_available_partition_gets_the_same_share_and_no_other_gets_any() {
        let topic = topic("t", &[true, false, true, true, false, true]);
        let mut counts = [0; 6];
        for seed in 0..100 {
            let mut sticky = Sticky::new(seed, &topic);
            for _ in 0..8 {
                counts[sticky.partition(&topic).unwrap() as usize] += 1;
                sticky.sent(1000, Filled::No, 1000);
            }
        }
        assert_eq!(counts, [200, 0, 200, 200, 0, 200]);
    }

    #[test]
    fn senders_of_different_seeds_start_at_different_partitions() {
        let topic = topic("t", &[true; 8]);
        let mut starts: Vec<_> = (0..64)
            .map(|seed| Sticky::new(seed, &topic).partition(&topic).unwrap())
            .collect();
        starts.sort_unstable();
        starts.dedup();
        assert_eq!(starts.len(), 8);
    }

    #[test]
    fn without_any_leader_all_partitions_are_used_and_without_partitions_none() {
        let leaderless = topic("t", &[false; 3]);
        let mut sticky = Sticky::new(3, &leaderless);
        let mut seen: Vec<_> = (0..6)
            .map(|_| {
                sticky.sent(1000, Filled::No, 1000);
                sticky.partition(&leaderless).unwrap()
            })
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 0, 1, 1, 2, 2]);
        let empty = topic("none", &[]);
        assert_eq!(Sticky::new(3, &empty).partition(&empty), None);
    }

    #[test]
    fn a_topic_that_lost_leaders_goes_on_with_those_it_has() {
        let (whole, rest) = (topic("t", &[true; 8]), topic("t", &[false, true, false, true]));
        for seed in 0..20 {
            let mut sticky = Sticky::new(seed, &whole);
            assert!(matches!(sticky.partition(&rest), Some(1 | 3)));
        }
    }
}
