//! The sender: takes events in, routes them to the parts that decide, and gives their actions out.
//!
//! It has no clock, no sockets and no threads: `now` is an argument of every call and never goes
//! backwards. One task owns the sender, takes all waiting events, then calls
//! [`Sender::poll_action`] until `None`, then sleeps until [`Sender::poll_timeout`]. The cost of a
//! round depends on what happened, not on how many partitions there are: a partition is looked at
//! when something marked it or when it stands in the rotation of its leader, and one structure
//! holds every deadline.
//!
//! Each part is a file of this folder and owns its state and its rules. The module [`super`] names
//! the files in which several parts decide together.

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(super) mod harness;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use linger_protocol::messages::{ApiVersion, RequestBody, ResponseBody};
use linger_protocol::{ErrorCode, Str};

use crate::append::accumulator::Accumulator;
use crate::append::doorbell::{Ready, Sleep};
use crate::append::encode_job::EncodeDone;
use crate::config::{Acks, Config};
use crate::ids::{BrokerId, ConnectionId, FlushId, RequestId};
use crate::send::action::Action;
use crate::send::answers::Answers;
use crate::send::arrivals::Arrivals;
use crate::send::backoff::Rng;
use crate::send::brokers::Brokers;
use crate::send::closing::{Closing, Phase};
use crate::send::deadlines::{Deadlines, Timer};
use crate::send::discovery::Discovery;
use crate::send::drain::{self, Drain};
use crate::send::ending::Ending;
use crate::send::flushes::Flushes;
use crate::send::identity::Identity;
use crate::send::outbox::Outbox;
use crate::send::pacing::LingerScope;
use crate::send::partitions::{Partitions, Urgency};
use crate::send::policy::Policy;
use crate::send::questions::Questions;
use crate::send::request::RequestAssembly;
use crate::send::schedule::Schedule;
use crate::send::sleep::SleepView;
use crate::send::split::SplitResult;

/// Decides what is sent, when and to whom. See the module.
///
/// Dropped, it fails everything that is unresolved: as possibly written what was handed to a
/// transport to its last byte, or may have been written by an earlier attempt; everything else as
/// not written.
#[derive(Debug)]
pub struct Sender {
    brokers: Brokers,
    partitions: Partitions,
    discovery: Discovery,
    identity: Identity,
    flushes: Flushes,
    closing: Closing,
    deadlines: Deadlines,
    requests: RequestAssembly,
    outbox: Outbox,
    config: Arc<Config>,
    accumulator: Arc<Accumulator>,
    rng: Rng,
    /// Something happened since the last round.
    needs_turn: bool,
}

impl Sender {
    /// A sender of what `accumulator` accepts. It does nothing before the first event. The same
    /// `seed` and the same events give the same actions.
    pub fn new(config: Arc<Config>, accumulator: Arc<Accumulator>, seed: u64, _now: Instant) -> Self {
        let policy = Policy::new(&config);
        Self {
            brokers: Brokers::new(config.clone()),
            discovery: Discovery::new(&config),
            identity: Identity::new(&policy),
            partitions: Partitions::new(policy),
            flushes: Flushes::default(),
            closing: Closing::default(),
            deadlines: Deadlines::new(),
            requests: RequestAssembly::default(),
            outbox: Outbox::default(),
            config,
            accumulator,
            rng: Rng::new(seed),
            needs_turn: false,
        }
    }

    /// Connects to the cluster although nothing is to be sent yet. The first [`Action::Publish`]
    /// tells that a broker has answered.
    pub fn handle_start(&mut self, now: Instant) {
        if self.discovery.answers() == 0 {
            self.discovery.want_now(now);
        }
        self.needs_turn = true;
    }

    /// Takes an event of the appending side.
    pub fn handle_ready(&mut self, ready: Ready, now: Instant) {
        self.needs_turn = true;
        self.arrivals().take(ready, now);
    }

    /// Changes how long batches linger, those that are open included. A broker that is not known
    /// keeps its linger.
    pub fn handle_linger(&mut self, scope: LingerScope, linger: Duration) {
        self.needs_turn = true;
        if let LingerScope::Partition(id) = scope {
            self.partitions.know(id, &self.accumulator);
        }
        self.schedule().change_linger(scope, linger);
    }

    /// An application wants to send to `topic`.
    pub fn handle_topic_wanted(&mut self, topic: &Str, now: Instant) {
        self.discovery.want_topic(topic, now);
        self.needs_turn = true;
    }

    /// Takes back the batch of an [`Action::Encode`].
    pub fn handle_encoded(&mut self, done: EncodeDone, _now: Instant) {
        let id = done.partition();
        self.partitions[id].queue().put_encoded(done);
        self.partitions.mark(id, Urgency::Urgent);
        self.needs_turn = true;
    }

    /// Takes back the result of an [`Action::Split`].
    pub fn handle_split(&mut self, done: SplitResult, _now: Instant) {
        let id = done.partition();
        let (partition, policy) = self.partitions.with_policy(id);
        partition.split(done, self.closing.error_kind(), policy);
        self.partitions.mark_expiry(id);
        self.needs_turn = true;
    }

    /// A flush began: what was opened before it does not linger.
    pub fn handle_flush(&mut self, flush: FlushId, now: Instant) {
        self.flushes.begin(flush);
        self.arrivals().end_lingers(now);
        self.needs_turn = true;
    }

    /// Refuses new records, sends what there is, and at `deadline` resolves what is left.
    /// [`Action::Closed`] tells that it is done. A second call can only bring the deadline
    /// forward.
    pub fn handle_close(&mut self, deadline: Instant, now: Instant) {
        self.needs_turn = true;
        let was_open = self.closing.is_open();
        if self.closing.begin(deadline, &self.accumulator) {
            self.deadlines.arm(Timer::Close, deadline);
        }
        if was_open {
            self.arrivals().end_lingers(now);
        }
    }

    /// A dial succeeded, and the broker offers these versions.
    pub fn handle_connected(&mut self, connection: ConnectionId, ranges: &[ApiVersion], now: Instant) {
        self.needs_turn = true;
        self.brokers.connected(connection, ranges, &mut self.outbox, now);
    }

    /// The transport has taken all bytes of the requests up to and with `up_to`.
    pub fn handle_written(&mut self, connection: ConnectionId, up_to: RequestId, _now: Instant) {
        self.needs_turn = true;
        self.note_written(connection, Some(up_to));
    }

    /// A response has come. One that does not answer the oldest request of its connection ends the
    /// connection.
    pub fn handle_response(
        &mut self,
        connection: ConnectionId,
        id: RequestId,
        response: &ResponseBody,
        now: Instant,
    ) {
        self.needs_turn = true;
        if self.config.acks == Acks::None {
            // Brokers answer in order, so an answer proves that every earlier acks=0 request was received.
            self.note_written(connection, Some(id));
        }
        if let Some(code) = self.answers().take(connection, id, response, now) {
            self.ending().fail(code);
        }
    }

    /// A connection, or a dial, has ended: nothing more comes of it. `written` is the last request
    /// whose bytes were all handed to the transport.
    pub fn handle_disconnected(
        &mut self,
        connection: ConnectionId,
        written: Option<RequestId>,
        now: Instant,
    ) {
        self.needs_turn = true;
        self.note_written(connection, written);
        self.answers().disconnected(connection, now);
    }

    fn note_written(&mut self, connection: ConnectionId, up_to: Option<RequestId>) {
        if let (Some(up_to), Some(up)) = (up_to, self.brokers.connection_mut(connection)) {
            up.written(up_to);
        }
        if self.config.acks == Acks::None {
            self.answers().settle_written(connection);
        }
    }

    fn answers(&mut self) -> Answers<'_> {
        Answers {
            accumulator: &self.accumulator,
            brokers: &mut self.brokers,
            partitions: &mut self.partitions,
            discovery: &mut self.discovery,
            identity: &mut self.identity,
            closing: &self.closing,
            requests: &mut self.requests,
            rng: &mut self.rng,
            outbox: &mut self.outbox,
        }
    }

    fn arrivals(&mut self) -> Arrivals<'_> {
        Arrivals {
            config: &self.config,
            accumulator: &self.accumulator,
            brokers: &mut self.brokers,
            partitions: &mut self.partitions,
            discovery: &mut self.discovery,
            closing: &self.closing,
            flushes: &mut self.flushes,
            deadlines: &mut self.deadlines,
            outbox: &mut self.outbox,
        }
    }

    fn ending(&mut self) -> Ending<'_> {
        Ending {
            accumulator: &self.accumulator,
            brokers: &mut self.brokers,
            partitions: &mut self.partitions,
            closing: &mut self.closing,
            flushes: &mut self.flushes,
            deadlines: &mut self.deadlines,
            outbox: &mut self.outbox,
        }
    }

    fn schedule(&mut self) -> Schedule<'_> {
        Schedule {
            partitions: &mut self.partitions,
            brokers: &mut self.brokers,
            discovery: &mut self.discovery,
            identity: &mut self.identity,
            deadlines: &mut self.deadlines,
            outbox: &mut self.outbox,
        }
    }

    /// A deadline of [`Sender::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.needs_turn = true;
        while let Some(entry) = self.deadlines.pop_lingering_due(now) {
            self.partitions.end_linger(&entry);
        }
        while let Some(timer) = self.deadlines.pop_due(now) {
            match timer {
                Timer::Backoff(id) => self.partitions.mark(id, Urgency::Urgent),
                Timer::Delivery(id) => self.partitions.mark_expiry(id),
                Timer::Target(target) => {
                    if self.brokers.handle_timeout(target, &mut self.outbox, now) {
                        self.discovery.want(now);
                    }
                }
                Timer::Metadata | Timer::Question | Timer::ProducerId => {}
                Timer::Close => self.ending().handle_timeout(now),
            }
        }
    }

    /// The next thing to do. `None` until the next event.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        loop {
            if let Some(action) = self.outbox.pop() {
                return Some(action);
            }
            if !std::mem::take(&mut self.needs_turn) {
                return None;
            }
            self.run_round(now);
        }
    }

    /// Takes back a request that has been encoded: its lists serve the next one.
    pub fn take_back(&mut self, request: RequestBody) {
        self.requests.take_back(request);
    }

    /// When [`Sender::handle_timeout`] is to be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The answer after which this producer accepts nothing more, if there was one.
    pub fn fatal(&self) -> Option<ErrorCode> {
        self.closing.fatal()
    }

    /// How the owner may sleep until then.
    pub fn sleep_kind(&self, now: Instant) -> Sleep {
        let view = SleepView {
            config: &self.config,
            brokers: &self.brokers,
            partitions: &self.partitions,
            leaders: self.discovery.leaders(),
            deadlines: &self.deadlines,
            identity: &self.identity,
            is_open: self.closing.is_open(),
        };
        view.kind(now)
    }

    /// One round of all parts.
    fn run_round(&mut self, now: Instant) {
        match self.closing.phase() {
            Phase::Open | Phase::Closing { .. } => {}
            Phase::GivenUp { .. } => return self.ending().finish_flushes(),
            Phase::Closed => return,
        }
        self.schedule().run(now);
        let questions = Questions {
            policy: self.partitions.policy(),
            brokers: &mut self.brokers,
            discovery: &mut self.discovery,
            identity: &mut self.identity,
            deadlines: &mut self.deadlines,
            rng: &mut self.rng,
            outbox: &mut self.outbox,
        };
        if let Some(code) = questions.ask(now) {
            self.ending().fail(code);
        }
        let mut last = None;
        while let Some(broker) = self.brokers.next_after(last) {
            self.drain(broker, now);
            last = Some(broker);
        }
        if !self.discovery.brokers().is_empty() && !self.identity.is_wanted() {
            self.brokers.close_seeds(&mut self.outbox);
        }
        self.schedule().arm_timers(now);
        self.ending().finish_flushes();
    }

    fn drain(&mut self, broker: BrokerId, now: Instant) {
        let lingering = if self.closing.is_open() {
            drain::Lingering::After(self.flushes.no_linger_before())
        } else {
            drain::Lingering::Nobody
        };
        Drain {
            config: &self.config,
            brokers: &mut self.brokers,
            partitions: &mut self.partitions,
            identity: &self.identity,
            leaders: self.discovery.leaders(),
            deadlines: &mut self.deadlines,
            requests: &mut self.requests,
            outbox: &mut self.outbox,
            lingering,
        }
        .run(broker, now);
    }
}

impl Drop for Sender {
    /// What was handed to a transport to its last byte may be written, whatever its batch says of
    /// earlier attempts.
    fn drop(&mut self) {
        for partition in self.partitions.iter_mut() {
            partition.note_written(|flight| self.brokers.was_written(flight));
        }
    }
}
