//! Which partition a record without a key goes to: the sticky partition of whoever sends it.
//!
//! Records without a key go to one partition until about `batch.size` bytes went there (KIP-794),
//! then to the next one, so that batches fill. Records with a key are the business of
//! [`crate::partitioner`].

use crate::append::appended::Filled;
use crate::append::cluster_view::TopicView;
use crate::append::hash::{self, mix};

/// The sticky partition of one topic, for one sender of records (a thread, a task, a handle).
///
/// It belongs to its caller, because one shared by all threads makes them fight for one queue: 116
/// against 76 ns per record with two threads. Partitions are taken in turn from a starting point
/// drawn from the seed, so each available one gets the same share.
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
        let start = mix(seed ^ hash::of(topic.name.as_bytes()));
        let spread = topic.available.len().max(topic.partitions.len()).max(1);
        Self {
            position: (start % spread as u64) as usize,
            bytes: 0,
        }
    }

    /// The partition index that the next record without a key goes to: one that has a leader, if
    /// any has. `None` if the topic has no partitions. `topic` is the newest view of the topic
    /// that this was made for.
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

    /// Notes that `bytes` went to the sticky partition; moves on once they make a batch
    /// (`batch_size`), or at once if the record filled the open batch, whoever had filled it
    /// before.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::append::cluster_view::{PartitionView, TopicState};
    use crate::ids::BrokerId;

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
