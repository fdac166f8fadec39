//! Everything that will happen at a known time, in one ordered structure: no tick, no scan.
//!
//! The linger wait is the same for every batch, so its deadlines come in order and a queue holds them at no cost
//! per batch. The rest (backoff, timeouts, the age of metadata) is rare and kept in a sorted set, at most one entry
//! per owner. Arming again moves the entry.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::ids::PartitionId;
use crate::send::broker::Node;

/// Who is to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A partition's backoff is over.
    Backoff(PartitionId),
    /// The oldest batch of a partition may have reached `delivery.timeout.ms`.
    Delivery(PartitionId),
    /// A broker's dial, oldest request or throttle time is up, or it may be dialled again.
    Broker(Node),
    /// Metadata has aged, or may be asked for again.
    Metadata,
    /// A question may be asked elsewhere, because a dial takes long.
    Question,
    /// The producer id may be asked for again.
    ProducerId,
    /// `close` has waited long enough.
    Close,
}

/// A batch that waits for its linger time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lingering {
    /// Whose batch.
    pub partition: PartitionId,
    /// When the batch was opened.
    pub opened: Instant,
    /// When it is due.
    pub due: Instant,
}

/// The deadlines of one sender.
#[derive(Debug, Default)]
pub struct Deadlines {
    linger: VecDeque<Lingering>,
    sorted: BTreeSet<(Instant, Timer)>,
    armed: BTreeMap<Timer, Instant>,
}

impl Deadlines {
    /// No deadlines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a batch that lingers. Threads read the clock on their own, so `due` may lie a little before the last
    /// one's: it then waits with it.
    pub fn linger(&mut self, lingering: Lingering) {
        self.linger.push_back(lingering);
    }

    /// The batch that waits longest, whether it is due or not.
    pub fn first_lingering(&self) -> Option<&Lingering> {
        self.linger.front()
    }

    /// Takes the batch that waits longest.
    pub fn pop_lingering(&mut self) -> Option<Lingering> {
        self.linger.pop_front()
    }

    /// True if the batch that a partition opened then is known to linger.
    #[cfg(test)]
    pub(crate) fn lingers(&self, partition: PartitionId, opened: Instant) -> bool {
        let is_it = |entry: &Lingering| entry.partition == partition && entry.opened == opened;
        self.linger.iter().any(is_it)
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

    /// Wakes `timer` at `at`, unless it will wake earlier. For owners whose deadline moves later all the time: it costs
    /// nothing per move, and they arm again when they are woken too early.
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
        let linger = self.linger.front().map(|first| first.due);
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
    use crate::testing::origin;

    fn at(origin: Instant, ms: u64) -> Instant {
        origin + Duration::from_millis(ms)
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
        deadlines.linger(Lingering {
            partition: PartitionId(4),
            opened: t0,
            due: at(t0, 5),
        });
        assert_eq!(deadlines.next(), Some(at(t0, 5)));
        assert_eq!(
            deadlines.pop_lingering().map(|l| l.partition),
            Some(PartitionId(4))
        );
        assert_eq!(deadlines.next(), Some(at(t0, 30)));
    }
}
