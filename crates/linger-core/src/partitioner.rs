//! Which partition a record goes to: a hash of its key, or the sticky partition of whoever sends it.
//!
//! Records with a key go where the client they should agree with would put them: Java's (murmur2) or librdkafka's
//! (CRC-32). Both count all partitions, also those without a leader: a key's partition never depends on outages.
//! Records without a key stick to one partition until about a batch of bytes went there (KIP-794), then move on, so
//! that batches fill.

use std::ops::Deref;

use crate::cluster::TopicView;
use crate::hash::mix;

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

/// The sticky partitions of one sender of records (a thread, a task, a handle): one per topic it lately sent to.
///
/// It belongs to its caller, because one shared by all threads makes them fight for one queue: 116 against 76 ns per
/// record with two threads. Partitions are taken in turn from a starting point drawn from the seed, so each available
/// one gets the same share.
#[derive(Debug, Clone)]
pub struct Sticky {
    seed: u64,
    /// The topic used last is in front: most senders write to one.
    turns: Vec<Turn>,
}

#[derive(Debug, Clone)]
struct Turn {
    topic: std::sync::Arc<str>,
    /// Position in the round over the available partitions.
    position: usize,
    /// Bytes sent to the present partition.
    bytes: usize,
}

/// Topics a [`Sticky`] remembers; the one used longest ago is forgotten first.
const TURNS_MAX: usize = 64;

impl Sticky {
    /// A sender whose starting points follow from `seed`; give each thread another.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            turns: Vec::new(),
        }
    }

    /// The partition index that the next record without a key goes to: one that has a leader, if any has.
    /// `None` if the topic has no partitions.
    #[inline]
    pub fn partition(&mut self, topic: &TopicView) -> Option<u32> {
        let turn = self.turn(topic);
        let available = &topic.available;
        if available.is_empty() {
            let count = topic.partitions.len();
            return if count == 0 {
                None
            } else {
                Some((turn.position % count) as u32)
            };
        }
        if turn.position >= available.len() {
            turn.position %= available.len();
        }
        Some(available[turn.position])
    }

    /// Notes that `bytes` went to the sticky partition of `topic`; moves on once they make a batch (`batch_size`), or
    /// at once if the record filled the open batch, whoever had filled it before.
    #[inline]
    pub fn sent(&mut self, topic: &TopicView, bytes: usize, filled: Filled, batch_size: usize) {
        let turn = self.turn(topic);
        turn.bytes += bytes;
        if filled == Filled::Yes || turn.bytes >= batch_size {
            turn.bytes = 0;
            turn.position += 1;
        }
    }

    /// Moves on to the next partition of `topic`: the present one cannot take a record.
    pub fn skip(&mut self, topic: &TopicView) {
        let turn = self.turn(topic);
        turn.bytes = 0;
        turn.position += 1;
    }

    #[inline]
    fn turn(&mut self, topic: &TopicView) -> &mut Turn {
        // Names are shared, so equal pointers are the rule and a comparison of texts the exception.
        let same = |turn: &Turn| std::ptr::eq(turn.topic.as_ptr(), topic.name.as_ptr());
        if !self.turns.first().is_some_and(same) {
            self.bring_to_front(topic);
        }
        &mut self.turns[0]
    }

    #[cold]
    fn bring_to_front(&mut self, topic: &TopicView) {
        if let Some(found) = self
            .turns
            .iter()
            .position(|turn| turn.topic.deref() == topic.name.deref())
        {
            self.turns[..=found].rotate_right(1);
            // A later view may hold another copy of the same name.
            self.turns[0].topic = topic.name.clone();
            return;
        }
        self.turns.truncate(TURNS_MAX - 1);
        let start = mix(self.seed ^ crate::hash::of(topic.name.as_bytes()));
        let spread = topic.available.len().max(topic.partitions.len()).max(1);
        let turn = Turn {
            topic: topic.name.clone(),
            position: (start % spread as u64) as usize,
            bytes: 0,
        };
        self.turns.insert(0, turn);
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
