//! What need not wake the sender while it sleeps.

use std::time::{Duration, Instant};

use linger_protocol::records::Compression;

use crate::append::doorbell::Sleep;
use crate::config::Config;
use crate::send::broker::Broker;
use crate::send::brokers::Brokers;
use crate::send::deadlines::Deadlines;
use crate::send::discovery::Leaders;
use crate::send::identity::Identity;
use crate::send::partitions::Partitions;

/// The parts on which it depends how the sender may sleep.
pub(super) struct SleepView<'a> {
    pub(super) config: &'a Config,
    pub(super) brokers: &'a Brokers,
    pub(super) partitions: &'a Partitions,
    pub(super) leaders: &'a Leaders,
    pub(super) deadlines: &'a Deadlines,
    pub(super) identity: &'a Identity,
    pub(super) is_open: bool,
}

impl SleepView<'_> {
    /// How the sender may sleep until its next deadline.
    pub(super) fn kind(&self, now: Instant) -> Sleep {
        if self.is_window_full() {
            Sleep::WindowFull
        } else if !self.is_opening_provided_for(now) {
            Sleep::Idle
        } else {
            let batches = self.leading().map(Broker::batches_to_sleep_for).min();
            match batches {
                None | Some(0 | 1) => Sleep::TimerArmed,
                Some(batches) => Sleep::Gathering { batches },
            }
        }
    }

    fn leading(&self) -> impl Iterator<Item = &Broker> {
        self.leaders.iter().filter_map(|leader| self.brokers.get(leader))
    }

    /// Returns true if whatever an application appends now could not leave before an event of
    /// another kind: every broker that leads something has its window full, or nothing can be
    /// stamped before the first producer id is known. The event that ends either comes within
    /// `request.timeout.ms`. With a codec full batches can still be compressed meanwhile.
    fn is_window_full(&self) -> bool {
        let lacks_producer_id = self.identity.is_first_outstanding();
        let is_full =
            |broker: &&Broker| broker.is_window_full() || lacks_producer_id && broker.is_connected();
        self.is_open
            && self.config.compression == Compression::None
            && !self.leaders.is_one_missing()
            && self.leaders.count() > 0
            && self.leading().filter(is_full).count() == self.leaders.count()
    }

    /// Returns true if a timer wakes the sender by the end of the linger of any batch that is
    /// opened from now on: the first linger that ends does so no later than the shortest linger
    /// from now would.
    ///
    /// An appender's clock may be a little ahead of `now`, or behind another appender's. The batch
    /// whose linger ends first counts as opened now if it was opened later: a batch that is
    /// still unknown was hardly opened before that one.
    fn is_opening_provided_for(&self, now: Instant) -> bool {
        let Some(first) = self.deadlines.first_lingering() else {
            return false;
        };
        first.due <= now.max(first.opened) + self.shortest_linger()
    }

    fn shortest_linger(&self) -> Duration {
        let of_brokers = self.leading().map(|broker| broker.pacing.linger());
        let lingers = of_brokers.chain(self.partitions.shortest_linger());
        lingers.fold(self.config.linger, Duration::min)
    }
}
