//! Which partitions wait for a broker, and in what order.
//!
//! A rotation is the only keeper of that order: no partition holds a copy of it. A partition stands
//! in the rotation of its leader at most once. When the partition is led by another broker, its
//! entry here is dropped at the next look.

use std::collections::VecDeque;

use crate::ids::PartitionId;

/// The partitions that may have something to send to one broker, in turn.
#[derive(Debug, Default)]
pub struct Rotation {
    line: VecDeque<PartitionId>,
    /// One bit per partition: it is in `line`.
    members: Vec<u64>,
}

impl Rotation {
    /// Puts `partition` at the end, unless it waits already.
    pub fn join(&mut self, partition: PartitionId) {
        if self.insert(partition) {
            self.line.push_back(partition);
        }
    }

    /// Puts `partition` in front of all others, unless it waits already.
    pub fn join_in_front(&mut self, partition: PartitionId) {
        if self.insert(partition) {
            self.line.push_front(partition);
        }
    }

    /// Takes the next partition. Whoever still has something to send joins again.
    pub fn pop(&mut self) -> Option<PartitionId> {
        let partition = self.line.pop_front()?;
        let (word, bit) = place(partition);
        self.members[word] &= !bit;
        Some(partition)
    }

    /// How many partitions wait.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Returns true if no partition waits.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// The partitions that wait, in order.
    pub fn iter(&self) -> impl Iterator<Item = PartitionId> {
        self.line.iter().copied()
    }

    /// Returns true if `partition` waits.
    #[cfg(test)]
    pub(crate) fn contains(&self, partition: PartitionId) -> bool {
        let (word, bit) = place(partition);
        self.members.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Returns false if `partition` was a member before.
    fn insert(&mut self, partition: PartitionId) -> bool {
        let (word, bit) = place(partition);
        if self.members.len() <= word {
            self.members.resize(word + 1, 0);
        }
        let is_new = self.members[word] & bit == 0;
        self.members[word] |= bit;
        is_new
    }
}

/// Index of the word, and the bit in it, that belong to `partition`.
fn place(partition: PartitionId) -> (usize, u64) {
    let number = partition.0 as usize;
    (number / 64, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(partitions: &[u32]) -> Rotation {
        let mut rotation = Rotation::default();
        partitions.iter().for_each(|id| rotation.join(PartitionId(*id)));
        rotation
    }

    fn order(rotation: &Rotation) -> Vec<u32> {
        rotation.iter().map(|id| id.0).collect()
    }

    #[test]
    fn a_partition_waits_once_wherever_it_joins() {
        let mut rotation = rotation(&[3, 70, 3, 200]);
        rotation.join_in_front(PartitionId(70));
        assert_eq!(order(&rotation), [3, 70, 200]);
    }

    #[test]
    fn partitions_take_turns() {
        let mut rotation = rotation(&[1, 2]);
        let first = rotation.pop().unwrap();
        assert!(!rotation.contains(first));
        rotation.join(first);
        assert_eq!(order(&rotation), [2, 1]);
        let second = rotation.pop().unwrap();
        rotation.join_in_front(second);
        assert_eq!(order(&rotation), [2, 1]);
    }

    #[test]
    fn members_are_exactly_those_in_line() {
        let mut rotation = rotation(&[0, 63, 64, 1000]);
        for left in (0..4).rev() {
            assert_eq!(rotation.len(), left + 1);
            rotation.pop();
        }
        assert!(rotation.is_empty() && rotation.pop().is_none());
        assert!(!rotation.contains(PartitionId(1000)) && !rotation.contains(PartitionId(9999)));
    }
}
