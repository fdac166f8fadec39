//! When the next request to one broker is put together, and how large it may be.
//!
//! A broker works on one request per connection at a time. So a request that is sent behind an
//! unanswered one gains little by being early, and costs the broker and the producer the same
//! whether it carries one batch or eight. This is Nagle's rule (RFC 896) for batches, except that
//! no batch waits longer than its linger.
//!
//! The more requests are unanswered, the more batches are gathered; the longer a broker takes to
//! acknowledge, the fewer requests follow each other on one connection, and the more bytes each of
//! them may carry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::append::growth::{Growth, GrowthLimit};
use crate::config::Config;
use crate::ids::{BrokerId, PartitionId};
use crate::send::ack_wait::AckWait;

/// Full batches that a request behind an unanswered one gathers, per unanswered one: with four, the
/// wake-ups of a request cost 20 ns per record on a busy machine.
const GATHERED_PER_REQUEST: u32 = 16;

/// How long full batches gather while records stream in and nothing is unanswered: a tenth of the
/// default linger, in which sixteen batches of 16 KiB fill at 5 million records of 100 B per
/// second.
const GATHER_TIME_MAX: Duration = Duration::from_micros(500);

/// Bytes to which a request groups batches, except for brokers with slow acks, where we get one
/// request per round trip. Apache Kafka reads a request into one buffer, and its collector (G1,
/// regions of 1 MiB and more) treats a buffer of half a region apart: requests of 1 MiB took a
/// third more of a broker's CPU.
const GROUPED_BYTES_MAX: usize = 480 * 1024;

/// The pace of one broker.
#[derive(Debug)]
pub struct Pacing {
    /// How long batches for this broker wait for more records, unless their partition has a linger
    /// of its own.
    linger: Duration,
    /// Something in the rotation must not wait for other batches.
    is_urgent: bool,
    /// Batches that filled since the last request was put together.
    gathered: u32,
    /// While records stream in: until when batches gather although no request is unanswered.
    gathers_until: Option<Instant>,
    ack_wait: AckWait,
    /// Shared with the queues of all partitions that the broker leads.
    growth: Arc<Growth>,
}

impl Pacing {
    /// The pace of a broker of which nothing is known.
    pub fn new(linger: Duration) -> Self {
        Self {
            linger,
            is_urgent: false,
            gathered: 0,
            gathers_until: None,
            ack_wait: AckWait::default(),
            growth: Arc::default(),
        }
    }

    /// How long batches for this broker wait for more records, unless their partition has a linger
    /// of its own.
    pub fn linger(&self) -> Duration {
        self.linger
    }

    /// Changes the linger. The caller arms the deadlines of the batches that are open.
    pub fn set_linger(&mut self, linger: Duration) {
        self.linger = linger;
    }

    /// Notes that something in the rotation must leave with the next request that is possible.
    pub fn hurry(&mut self) {
        self.is_urgent = true;
    }

    /// Notes that a batch was opened. If that happens before the last full batch has been looked
    /// at, records come faster than the sender wakes, and more full batches are about to come.
    pub fn batch_opened(&mut self, now: Instant) {
        if self.gathered > 0 && self.gathers_until.is_none() {
            self.gathers_until = Some(now + GATHER_TIME_MAX);
        }
    }

    /// Notes that a batch filled.
    pub fn batch_filled(&mut self) {
        self.gathered += 1;
    }

    /// How many more batches must fill before the next request is put together, with `unanswered`
    /// requests on the broker's first connection. Zero if nothing is worth waiting for.
    pub fn batches_to_gather(&self, unanswered: usize) -> u32 {
        if self.is_urgent {
            return 0;
        }
        let requests = unanswered.max(usize::from(self.gathers_until.is_some()));
        (GATHERED_PER_REQUEST * requests as u32).saturating_sub(self.gathered)
    }

    /// Notes that requests were put together of what had gathered. `is_all`: the rotation is empty
    /// now.
    pub fn requests_sent(&mut self, is_all: bool) {
        self.gathered = 0;
        self.gathers_until = None;
        self.is_urgent &= !is_all;
    }

    /// When batches no longer gather although none of them is urgent.
    pub fn deadline(&self) -> Option<Instant> {
        self.gathers_until.filter(|_| !self.is_urgent)
    }

    /// Ends a gathering whose time is up.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.is_urgent |= self.gathers_until.is_some_and(|until| until <= now);
    }

    /// Notes that the broker acknowledged a request. `waited`: how long the broker had this request
    /// and none before it, if that is known.
    pub fn record_ack_wait(&mut self, waited: Option<Duration>) {
        self.ack_wait.record(waited);
    }

    /// Returns true if the broker takes long to acknowledge: a connection carries one request per
    /// wait.
    pub fn has_slow_acks(&self) -> bool {
        self.ack_wait.is_long()
    }

    /// How many unanswered requests a connection carries before another one would wait behind them.
    pub fn pipeline_depth(&self) -> usize {
        self.ack_wait.pipeline_depth()
    }

    /// Bytes that a request may have, `max_request_size` at most.
    pub fn request_size_max(&self, max_request_size: usize) -> usize {
        if self.has_slow_acks() {
            max_request_size
        } else {
            max_request_size.min(GROUPED_BYTES_MAX)
        }
    }

    /// How far batches for this broker grow beyond `batch.size`, as the queues see it.
    pub fn growth(&self) -> &Arc<Growth> {
        &self.growth
    }

    /// Limits how far batches for this broker grow beyond `batch.size`, by what waits for the
    /// broker.
    pub fn limit_growth(&self, waiting: Waiting, config: &Config) {
        let limit = match waiting.partitions {
            here if self.has_slow_acks() => GrowthLimit::MemoryShare {
                partitions: here.max(waiting.in_flight) * waiting.leaders.max(1),
            },
            0 | 1 => GrowthLimit::Request,
            _ => GrowthLimit::Grouped,
        };
        self.growth.set(limit.bytes(config));
    }
}

/// Whose batches a change of the linger concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LingerScope {
    /// Those of one partition, from now on whatever its broker's linger is.
    Partition(PartitionId),
    /// Those of all partitions that this broker leads and that have no linger of their own.
    Broker(BrokerId),
}

/// What waits for a broker when a request to it is put together.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// Partitions that are in the request or wait for the next one.
    pub partitions: usize,
    /// Partitions that are in this request or in an unanswered one, each as often as it is in one.
    pub in_flight: usize,
    /// Brokers that lead a partition.
    pub leaders: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::origin;

    const LINGER: Duration = Duration::from_millis(5);
    const SIZE_MAX: usize = 1 << 20;

    fn after_waits(count: usize, wait: Duration) -> Pacing {
        let mut pacing = Pacing::new(LINGER);
        (0..count).for_each(|_| pacing.record_ack_wait(Some(wait)));
        pacing
    }

    #[test]
    fn the_more_requests_are_unanswered_the_more_batches_gather() {
        let mut pacing = Pacing::new(LINGER);
        for _ in 0..40 {
            let wanted: Vec<_> = (0..6)
                .map(|unanswered| pacing.batches_to_gather(unanswered))
                .collect();
            assert!(wanted.is_sorted(), "{wanted:?}");
            assert_eq!(wanted[0], 0, "nothing waits for an idle broker");
            let before = pacing.batches_to_gather(2);
            pacing.batch_filled();
            assert_eq!(pacing.batches_to_gather(2), before.saturating_sub(1));
        }
        pacing.hurry();
        assert_eq!(pacing.batches_to_gather(5), 0);
    }

    #[test]
    fn the_longer_a_broker_takes_to_acknowledge_the_fewer_requests_follow_and_the_more_they_carry() {
        let long = Duration::from_millis(5);
        let mut before = after_waits(1, Duration::ZERO);
        for count in 1..10 {
            let mut pacing = after_waits(1, Duration::ZERO);
            (0..count).for_each(|_| pacing.record_ack_wait(Some(long)));
            assert!(pacing.pipeline_depth() <= before.pipeline_depth());
            assert!(pacing.request_size_max(SIZE_MAX) >= before.request_size_max(SIZE_MAX));
            before = pacing;
        }
        assert_eq!(before.pipeline_depth(), 1);
        assert_eq!(before.request_size_max(SIZE_MAX), SIZE_MAX);
    }

    #[test]
    fn batches_gather_for_a_while_when_records_come_faster_than_the_sender_wakes() {
        let now = origin();
        let mut pacing = Pacing::new(LINGER);
        pacing.batch_opened(now);
        assert_eq!(pacing.deadline(), None, "no batch has filled");
        pacing.batch_filled();
        pacing.batch_opened(now);
        assert_eq!(pacing.batches_to_gather(0), 15);
        let until = pacing.deadline().expect("it gathers");
        pacing.handle_timeout(until - Duration::from_nanos(1));
        assert_eq!(pacing.batches_to_gather(0), 15);
        pacing.handle_timeout(until);
        assert_eq!((pacing.batches_to_gather(0), pacing.deadline()), (0, None));
        pacing.requests_sent(false);
        assert_eq!(pacing.batches_to_gather(1), 0, "what is left is as urgent");
        pacing.requests_sent(true);
        assert_eq!(pacing.batches_to_gather(1), 16);
    }
}
