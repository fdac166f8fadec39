//! All partitions, and which of them have to be looked at in the next round.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Index, IndexMut};
use std::time::Duration;

use crate::append::accumulator::Accumulator;
use crate::ids::PartitionId;
use crate::send::deadlines::Lingering;
use crate::send::partition::Partition;
use crate::send::policy::Policy;

/// Whether what a partition has may wait for batches of other partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It leaves with the next request that is possible.
    Urgent,
    /// It is urgent if it is sent again; else it may wait.
    IfResent,
    /// It may wait for other batches until its linger has passed.
    Gathers,
}

/// What happened to a partition since the last round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The partition may have something to send.
    pub may_send: bool,
    /// What the partition has to send does not wait for other batches.
    pub is_urgent: bool,
    /// The same, if a batch is to be sent again.
    pub is_urgent_if_resent: bool,
    /// A batch may be past its delivery timeout.
    pub may_expire: bool,
}

/// The partitions of known topics, by the number of their id.
#[derive(Debug)]
pub struct Partitions {
    policy: Policy,
    by_id: Vec<Partition>,
    /// As many as there are partitions.
    marks: Vec<Marks>,
    /// The partitions that have a mark, in the order in which they got the first.
    due: VecDeque<PartitionId>,
    /// How many partitions have which linger of their own.
    lingers: BTreeMap<Duration, u32>,
}

impl Partitions {
    /// No partitions.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            by_id: Vec::new(),
            marks: Vec::new(),
            due: VecDeque::new(),
            lingers: BTreeMap::new(),
        }
    }

    /// The settings that decide what becomes of batches.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A partition, and the settings that decide over it.
    pub fn with_policy(&mut self, id: PartitionId) -> (&mut Partition, &Policy) {
        (&mut self.by_id[id.0 as usize], &self.policy)
    }

    /// Makes sure that there is a state for every partition up to `id`.
    pub fn know(&mut self, id: PartitionId, accumulator: &Accumulator) {
        while self.by_id.len() <= id.0 as usize {
            let next = PartitionId(self.by_id.len() as u32);
            let queue = accumulator.queue_by_id(next);
            self.by_id.push(Partition::new(queue, &self.policy));
            self.marks.push(Marks::default());
        }
    }

    /// All partitions.
    pub fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.by_id.iter()
    }

    /// All partitions.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.by_id.iter_mut()
    }

    /// Something happened to `id`: it may have something to send.
    pub fn mark(&mut self, id: PartitionId, urgency: Urgency) {
        let marks = self.marked(id);
        marks.may_send = true;
        marks.is_urgent |= urgency == Urgency::Urgent;
        marks.is_urgent_if_resent |= urgency == Urgency::IfResent;
    }

    /// The linger of a batch has ended: it is sent, if it is still the open one.
    pub fn end_linger(&mut self, entry: &Lingering) {
        if self[entry.partition].linger.disarm(entry) {
            self.mark(entry.partition, Urgency::Urgent);
        }
    }

    /// A batch of `id` may be past its delivery timeout.
    pub fn mark_expiry(&mut self, id: PartitionId) {
        let marks = self.marked(id);
        marks.may_expire = true;
        marks.is_urgent_if_resent = true;
    }

    /// Marks every partition that has something unresolved.
    pub fn mark_all(&mut self) {
        for number in 0..self.by_id.len() {
            if self.by_id[number].has_work() {
                self.mark(PartitionId(number as u32), Urgency::IfResent);
            }
        }
    }

    fn marked(&mut self, id: PartitionId) -> &mut Marks {
        let marks = &mut self.marks[id.0 as usize];
        if *marks == Marks::default() {
            self.due.push_back(id);
        }
        marks
    }

    /// Takes the next partition that has a mark.
    pub fn pop_due(&mut self) -> Option<(PartitionId, Marks)> {
        let id = self.due.pop_front()?;
        Some((id, std::mem::take(&mut self.marks[id.0 as usize])))
    }

    /// Gives a partition that is known a linger of its own.
    ///
    /// # Panics
    /// If the partition is not known.
    pub fn set_linger(&mut self, id: PartitionId, linger: Duration) {
        let before = self.by_id[id.0 as usize].linger.set_own(linger);
        *self.lingers.entry(linger).or_default() += 1;
        if let Some(before) = before
            && let Some(count) = self.lingers.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.lingers.remove(&before);
            }
        }
    }

    /// The shortest linger that any partition has of its own.
    pub fn shortest_linger(&self) -> Option<Duration> {
        self.lingers.first_key_value().map(|(linger, _)| *linger)
    }
}

impl Index<PartitionId> for Partitions {
    type Output = Partition;

    fn index(&self, id: PartitionId) -> &Partition {
        &self.by_id[id.0 as usize]
    }
}

impl IndexMut<PartitionId> for Partitions {
    fn index_mut(&mut self, id: PartitionId) -> &mut Partition {
        &mut self.by_id[id.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, queue};

    fn three() -> Partitions {
        let (accumulator, _) = queue(|_| {});
        (1..3).for_each(|index| drop(accumulator.queue(&"t".into(), index)));
        let mut partitions = Partitions::new(Policy::new(&config(|_| {})));
        partitions.know(PartitionId(2), &accumulator);
        partitions
    }

    #[test]
    fn a_marked_partition_is_looked_at_once_for_all_its_marks() {
        let mut partitions = three();
        partitions.mark(PartitionId(2), Urgency::Gathers);
        partitions.mark_expiry(PartitionId(0));
        partitions.mark(PartitionId(2), Urgency::Urgent);
        partitions.mark(PartitionId(2), Urgency::Gathers);
        let (first, marks) = partitions.pop_due().unwrap();
        assert_eq!(
            (first, marks.may_send, marks.is_urgent),
            (PartitionId(2), true, true)
        );
        assert!(!marks.may_expire);
        let (second, marks) = partitions.pop_due().unwrap();
        assert_eq!(
            (second, marks.may_send, marks.may_expire),
            (PartitionId(0), false, true)
        );
        assert_eq!(partitions.pop_due(), None);
        partitions.mark(PartitionId(2), Urgency::Gathers);
        assert!(partitions.pop_due().is_some());
    }

    #[test]
    fn the_shortest_linger_is_exact_whatever_changes() {
        let ms = Duration::from_millis;
        let mut partitions = three();
        assert_eq!(partitions.shortest_linger(), None);
        partitions.set_linger(PartitionId(0), ms(5));
        partitions.set_linger(PartitionId(1), ms(2));
        partitions.set_linger(PartitionId(2), ms(2));
        assert_eq!(partitions.shortest_linger(), Some(ms(2)));
        partitions.set_linger(PartitionId(1), ms(9));
        assert_eq!(partitions.shortest_linger(), Some(ms(2)));
        partitions.set_linger(PartitionId(2), ms(7));
        assert_eq!(partitions.shortest_linger(), Some(ms(5)));
    }
}
