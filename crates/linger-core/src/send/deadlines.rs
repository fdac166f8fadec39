//! Everything that will happen at a known time, in one ordered structure: no tick, no scan.
//!
//! **The invariant: no armed timer is later than the earliest deadline.** Whatever is to happen at
//! a time has an entry here for that time or an earlier one, so [`Deadlines::next`] is never too
//! late. An entry may be early, or out of date: its owner looks, and arms again if it is still too
//! early.
//!
//! Batches that linger are the many entries. Each has a deadline of its own: the linger may differ
//! from partition to partition, and may change while a batch is open. When a linger shrinks, its
//! owner adds an entry that is earlier; when a linger grows, the entry that is there is early.
//! Where all lingers are the same, the entries come in the order of their deadlines, and a queue
//! holds them at no cost per batch; only an entry that comes out of order costs a place in a heap.
//!
//! The other timers (back-offs, timeouts, the age of metadata) are few and kept in a sorted set, at
//! most one entry per owner. Arming again moves the entry.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Instant;

use crate::ids::PartitionId;
use crate::send::target::Target;

/// Who is to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A partition's back-off is over.
    Backoff(PartitionId),
    /// The oldest batch of a partition may have reached `delivery.timeout.ms`.
    Delivery(PartitionId),
    /// A dial, the oldest request or the throttle time of a broker is up, or the broker may be
    /// dialled again.
    Target(Target),
    /// Metadata has aged, or may be asked for again.
    Metadata,
    /// A question may be asked elsewhere, because a dial takes long.
    Question,
    /// The producer id may be asked for again.
    ProducerId,
    /// `close` has waited long enough.
    Close,
}

/// An open batch that waits for more records until its linger ends. Ordered by that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lingering {
    /// When the linger ends.
    pub due: Instant,
    /// Whose batch.
    pub partition: PartitionId,
    /// When the batch was opened: a later batch of the partition has another time.
    pub opened: Instant,
}

/// The deadlines of one sender.
#[derive(Debug, Default)]
pub struct Deadlines {
    /// Lingering batches, each due no earlier than the one before it.
    in_order: VecDeque<Lingering>,
    /// Lingering batches that came when one with a later deadline was in `in_order`.
    overtaking: BinaryHeap<Reverse<Lingering>>,
    sorted: BTreeSet<(Instant, Timer)>,
    armed: BTreeMap<Timer, Instant>,
}

impl Deadlines {
    /// No deadlines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a batch that lingers, or an earlier end of its linger.
    pub fn linger(&mut self, lingering: Lingering) {
        match self.in_order.back() {
            Some(last) if last.due > lingering.due => self.overtaking.push(Reverse(lingering)),
            Some(_) | None => self.in_order.push_back(lingering),
        }
    }

    /// The batch whose linger ends first, whether it is due or not.
    pub fn first_lingering(&self) -> Option<&Lingering> {
        let overtaking = self.overtaking.peek().map(|Reverse(first)| first);
        match (self.in_order.front(), overtaking) {
            (Some(front), Some(first)) => Some(front.min(first)),
            (front, first) => front.or(first),
        }
    }

    /// Takes the batch whose linger ends first.
    pub fn pop_lingering(&mut self) -> Option<Lingering> {
        let is_overtaken = match (self.in_order.front(), self.overtaking.peek()) {
            (Some(front), Some(Reverse(first))) => first < front,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if is_overtaken {
            return self.overtaking.pop().map(|Reverse(first)| first);
        }
        self.in_order.pop_front()
    }

    /// Takes the batch whose linger ends first, if it has ended at `now`.
    pub fn pop_lingering_due(&mut self, now: Instant) -> Option<Lingering> {
        self.first_lingering().filter(|first| first.due <= now)?;
        self.pop_lingering()
    }

    /// All batches that linger, in no order; some entries may be out of date.
    pub fn lingering(&self) -> impl Iterator<Item = &Lingering> {
        let overtaking = self.overtaking.iter().map(|Reverse(lingering)| lingering);
        self.in_order.iter().chain(overtaking)
    }

    /// Drops the entries that are out of date, as far as they come first.
    pub fn drop_outdated(&mut self, is_outdated: impl Fn(&Lingering) -> bool) {
        while self.first_lingering().is_some_and(&is_outdated) {
            self.pop_lingering();
        }
    }

    /// Wakes `timer` at `at`, instead of at any other time.
    pub fn arm(&mut self, timer: Timer, at: Instant) {
        let before = self.armed.insert(timer, at);
        if before == Some(at) {
            return;
        }
        if let Some(before) = before {
            self.sorted.remove(&(before, timer));
        }
        self.sorted.insert((at, timer));
    }

    /// Wakes `timer` at `at`, unless it wakes earlier. For owners whose deadline moves later all
    /// the time: a move costs nothing, and the owner arms again when it is woken too early.
    pub fn arm_by(&mut self, timer: Timer, at: Instant) {
        if self.armed_at(timer).is_none_or(|before| before > at) {
            self.arm(timer, at);
        }
    }

    /// Forgets `timer`.
    pub fn disarm(&mut self, timer: Timer) {
        if let Some(at) = self.armed.remove(&timer) {
            self.sorted.remove(&(at, timer));
        }
    }

    /// When `timer` will wake, if it is armed.
    pub fn armed_at(&self, timer: Timer) -> Option<Instant> {
        self.armed.get(&timer).copied()
    }

    /// Takes the next timer that is due at `now`, in order of time.
    pub fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let &(at, timer) = self.sorted.first()?;
        if at > now {
            return None;
        }
        self.disarm(timer);
        Some(timer)
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Instant> {
        let linger = self.first_lingering().map(|first| first.due);
        let sorted = self.sorted.first().map(|(at, _)| *at);
        match (linger, sorted) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::send::backoff::Rng;
    use crate::testing::origin;

    fn at(origin: Instant, ms: u64) -> Instant {
        origin + Duration::from_millis(ms)
    }

    fn lingering(partition: u32, opened: Instant, linger_ms: u64) -> Lingering {
        Lingering {
            due: at(opened, linger_ms),
            partition: PartitionId(partition),
            opened,
        }
    }

    #[test]
    fn timers_come_in_order_of_time_and_arming_again_moves_them() {
        let t0 = origin();
        let mut deadlines = Deadlines::new();
        deadlines.arm(Timer::Metadata, at(t0, 30));
        deadlines.arm(Timer::Close, at(t0, 20));
        deadlines.arm(Timer::Metadata, at(t0, 10));
        assert_eq!(deadlines.next(), Some(at(t0, 10)));
        assert_eq!(deadlines.pop_due(at(t0, 9)), None);
        assert_eq!(deadlines.pop_due(at(t0, 25)), Some(Timer::Metadata));
        assert_eq!(deadlines.pop_due(at(t0, 25)), Some(Timer::Close));
        assert_eq!(deadlines.pop_due(at(t0, 99)), None);
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn a_disarmed_timer_never_wakes() {
        let t0 = origin();
        let mut deadlines = Deadlines::new();
        deadlines.arm(Timer::ProducerId, at(t0, 1));
        deadlines.disarm(Timer::ProducerId);
        assert_eq!(deadlines.next(), None);
        assert_eq!(deadlines.armed_at(Timer::ProducerId), None);
    }

    #[test]
    fn lingering_batches_count_among_the_deadlines() {
        let t0 = origin();
        let mut deadlines = Deadlines::new();
        deadlines.arm(Timer::Metadata, at(t0, 30));
        deadlines.linger(lingering(4, t0, 5));
        assert_eq!(deadlines.next(), Some(at(t0, 5)));
        assert_eq!(
            deadlines.pop_lingering().map(|l| l.partition),
            Some(PartitionId(4))
        );
        assert_eq!(deadlines.next(), Some(at(t0, 30)));
    }

    /// Lingers of 0 to 19 ms in any order, with entries added while others are taken.
    #[test]
    fn no_armed_timer_is_later_than_the_earliest_deadline() {
        let t0 = origin();
        let mut rng = Rng::new(3);
        let mut deadlines = Deadlines::new();
        let mut expected = Vec::new();
        let mut overtaken = 0;
        for step in 0..2_000_u32 {
            let entry = lingering(step, at(t0, u64::from(step / 4)), rng.below(20) as u64);
            deadlines.linger(entry);
            expected.push(entry);
            overtaken += usize::from(!deadlines.overtaking.is_empty());
            expected.sort_unstable();
            assert_eq!(deadlines.next(), Some(expected[0].due));
            if rng.below(2) == 0 {
                assert_eq!(deadlines.pop_lingering(), Some(expected.remove(0)));
            }
        }
        assert!(overtaken > 1_000, "{overtaken}");
        assert_eq!(deadlines.lingering().count(), expected.len());
        for entry in expected {
            assert_eq!(deadlines.pop_lingering(), Some(entry));
        }
        assert_eq!(deadlines.pop_lingering(), None);
    }

    #[test]
    fn a_linger_that_shrinks_is_due_earlier() {
        let t0 = origin();
        let mut deadlines = Deadlines::new();
        deadlines.linger(lingering(1, t0, 10));
        deadlines.linger(lingering(2, t0, 10));
        deadlines.linger(lingering(2, t0, 4));
        assert_eq!(deadlines.next(), Some(at(t0, 4)));
        assert_eq!(deadlines.pop_lingering(), Some(lingering(2, t0, 4)));
        assert_eq!(deadlines.pop_lingering(), Some(lingering(1, t0, 10)));
    }

    #[test]
    fn with_one_linger_for_all_the_heap_stays_empty() {
        let t0 = origin();
        let mut deadlines = Deadlines::new();
        for ms in 0..100 {
            deadlines.linger(lingering(1, at(t0, ms), 5));
        }
        assert!(deadlines.overtaking.is_empty());
    }

    #[test]
    fn entries_that_are_out_of_date_are_dropped_when_they_come_first() {
        let t0 = origin();
        let mut deadlines = Deadlines::new();
        for (partition, linger_ms) in [(1, 3), (2, 9), (3, 2), (4, 5)] {
            deadlines.linger(lingering(partition, t0, linger_ms));
        }
        deadlines.drop_outdated(|entry| entry.partition != PartitionId(4));
        assert_eq!(deadlines.next(), Some(at(t0, 5)));
    }
}
