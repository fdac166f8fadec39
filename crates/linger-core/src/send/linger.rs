//! How long the open batch of a partition waits for more records, and the timer that ends it.
//!
//! A linger may differ from partition to partition, and may change while a batch is open. The timer
//! of an open batch is never later than the end of its linger; it may be earlier, and is armed
//! again then.

use std::time::{Duration, Instant};

use crate::ids::PartitionId;
use crate::send::deadlines::Lingering;

/// The open batch of one partition.
#[derive(Debug)]
pub struct Linger {
    partition: PartitionId,
    /// The linger of this partition, if it has one of its own.
    own: Option<Duration>,
    /// When the open batch was opened.
    opened: Option<Instant>,
    /// When the timer of the open batch wakes, if there is one.
    armed: Option<Instant>,
}

impl Linger {
    /// No batch is open.
    pub fn new(partition: PartitionId) -> Self {
        Self {
            partition,
            own: None,
            opened: None,
            armed: None,
        }
    }

    /// The linger of this partition, if it has one of its own.
    pub fn own(&self) -> Option<Duration> {
        self.own
    }

    /// Gives the partition a linger of its own. Returns the one before.
    pub fn set_own(&mut self, linger: Duration) -> Option<Duration> {
        self.own.replace(linger)
    }

    /// When the open batch was opened, as far as is known.
    pub fn opened(&self) -> Option<Instant> {
        self.opened
    }

    /// Notes which batch is open now.
    pub fn set_opened(&mut self, opened: Option<Instant>) {
        if self.opened != opened {
            self.opened = opened;
            self.armed = None;
        }
    }

    /// The entry that wakes the sender when the open batch has lingered for `linger`. `None` if the
    /// batch has an entry that is no later, or had one whose time has come and is still due at
    /// `now`.
    pub fn arm(&mut self, linger: Duration, now: Instant) -> Option<Lingering> {
        let opened = self.opened?;
        let due = opened + linger;
        let is_provided_for = match self.armed {
            Some(armed) => armed <= due,
            None => due <= now,
        };
        if is_provided_for {
            return None;
        }
        self.armed = Some(due);
        Some(Lingering {
            due,
            partition: self.partition,
            opened,
        })
    }

    /// Takes an entry whose time has come. Returns true if it was of the batch that is open.
    pub fn disarm(&mut self, entry: &Lingering) -> bool {
        let is_open = self.opened == Some(entry.opened);
        if is_open {
            self.armed = None;
        }
        is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn opened(at: Instant) -> Linger {
        let mut linger = Linger::new(PartitionId(3));
        linger.set_opened(Some(at));
        linger
    }

    #[test]
    fn a_batch_gets_one_entry_unless_its_linger_shrinks() {
        let now = origin();
        let mut linger = opened(now);
        assert_eq!(linger.arm(ms(9), now).map(|entry| entry.due), Some(now + ms(9)));
        assert_eq!(linger.arm(ms(9), now), None);
        assert_eq!(linger.arm(ms(20), now), None, "the entry that is there is early");
        assert_eq!(linger.arm(ms(4), now).map(|entry| entry.due), Some(now + ms(4)));
        linger.set_opened(Some(now + ms(1)));
        assert!(linger.arm(ms(4), now).is_some(), "the next batch has its own");
    }

    #[test]
    fn a_batch_whose_time_had_come_gets_another_entry_only_if_its_linger_grows() {
        let now = origin();
        let mut linger = opened(now);
        let entry = linger.arm(ms(5), now).expect("it lingers");
        assert!(linger.disarm(&entry));
        assert_eq!(linger.arm(ms(5), now + ms(6)), None);
        assert_eq!(
            linger.arm(ms(8), now + ms(6)).map(|entry| entry.due),
            Some(now + ms(8))
        );
    }

    #[test]
    fn the_entry_of_an_earlier_batch_is_out_of_date() {
        let now = origin();
        let mut linger = opened(now);
        let entry = linger.arm(ms(5), now).expect("it lingers");
        linger.set_opened(Some(now + ms(2)));
        assert!(!linger.disarm(&entry));
    }
}
