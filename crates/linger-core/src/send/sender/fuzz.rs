//! A sender against a small broker model under random faults: what was acknowledged is in the log
//! once and in order, what was reported as not written is absent, and everything is resolved.
//!
//! The larger world of tests/simulation has real replication; this one is quick enough to run with
//! every change.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use linger_protocol::records::{BatchView, Compression, sequence_after};

use super::harness::{Answer, Harness, Produced, Sent, TOPIC, code};
use crate::append::appended::AppendError;
use crate::append::delivery::Delivery;
use crate::config::Config;
use crate::error::Certainty;
use crate::ids::{BrokerId, ConnectionId, PartitionId};
use crate::send::backoff::Rng;
use crate::send::pacing::LingerScope;

const PARTITIONS: i32 = 4;

/// A broker's memory of one producer id on one partition.
#[derive(Debug, Default)]
struct ProducerState {
    epoch: i16,
    /// First and last sequence, and the offset of the first record, of the last five batches.
    batches: VecDeque<(i32, i32, i64)>,
}

/// One partition's log: ids of records, whoever leads it.
#[derive(Debug, Default)]
struct Log {
    records: Vec<u32>,
    producers: BTreeMap<i64, ProducerState>,
}

fn ids(batch: &Sent) -> Vec<u32> {
    let view = BatchView::parse(&batch.bytes).expect("it was parsed before");
    let records = view.records(1 << 20).expect("it is not compressed");
    let id = |value: &[u8]| u32::from_be_bytes(value[..4].try_into().expect("a value has an id"));
    records
        .iter()
        .map(|record| id(record.expect("it is well formed").value.expect("it has a value")))
        .collect()
}

impl Log {
    /// Appends as Kafka does: the offset, or the code.
    fn append(&mut self, batch: &Sent) -> Result<i64, i16> {
        let first = batch.sequence;
        let last = sequence_after(first, batch.count as u32 - 1);
        let offset = self.records.len() as i64;
        if batch.producer_id >= 0 {
            let state = self.producers.get_mut(&batch.producer_id);
            if let Some(state) = &state {
                let copy = state.batches.iter().find(|(f, l, _)| (*f, *l) == (first, last));
                match copy {
                    Some((_, _, offset)) if state.epoch == batch.epoch => return Ok(*offset),
                    _ if batch.epoch < state.epoch => return Err(47),
                    _ if batch.epoch > state.epoch && first != 0 => return Err(45),
                    _ if batch.epoch == state.epoch => {
                        let expected = state
                            .batches
                            .back()
                            .map_or(0, |(_, last, _)| sequence_after(*last, 1));
                        if first != expected {
                            return Err(45);
                        }
                    }
                    _ => {}
                }
            }
            let state = self.producers.entry(batch.producer_id).or_default();
            if state.epoch != batch.epoch {
                *state = ProducerState {
                    epoch: batch.epoch,
                    ..ProducerState::default()
                };
            }
            state.batches.push_back((first, last, offset));
            if state.batches.len() > 5 {
                state.batches.pop_front();
            }
        }
        self.records.extend(ids(batch));
        Ok(offset)
    }
}

/// A request with the answer for each of its partitions.
type Reply = (Produced, BTreeMap<i32, Answer>);

struct World {
    harness: Harness,
    rng: Rng,
    logs: BTreeMap<i32, Log>,
    /// Requests in the brokers' sockets, by connection, in order; also those of connections that
    /// have ended.
    sockets: BTreeMap<ConnectionId, VecDeque<Produced>>,
    /// Answers on their way, by connection, in order.
    replies: BTreeMap<ConnectionId, VecDeque<Reply>>,
    /// The epoch last seen of each partition, and the bytes of every range of sequences.
    epochs: BTreeMap<i32, i16>,
    ranges: BTreeMap<(i32, i16, i32, i32), Vec<u8>>,
    deliveries: Vec<(i32, u32, Delivery)>,
    faults: bool,
    /// How often each fault was had, and what else a run must have had.
    had: BTreeMap<&'static str, u32>,
}

impl World {
    fn new(seed: u64, change: impl FnOnce(&mut Config)) -> Self {
        let mut harness = Harness::ready(change);
        harness.hold_splits = true;
        let logs = (0..PARTITIONS)
            .map(|partition| (partition, Log::default()))
            .collect();
        Self {
            harness,
            rng: Rng::new(seed),
            logs,
            sockets: BTreeMap::new(),
            replies: BTreeMap::new(),
            epochs: BTreeMap::new(),
            ranges: BTreeMap::new(),
            deliveries: Vec::new(),
            faults: true,
            had: BTreeMap::new(),
        }
    }

    fn chance(&mut self, percent: usize, name: &'static str) -> bool {
        let hit = self.faults && self.rng.below(100) < percent;
        if hit {
            *self.had.entry(name).or_default() += 1;
        }
        hit
    }

    fn step(&mut self) {
        self.append_some();
        self.step_without_records();
    }

    /// Appends while the sender sleeps as it wants to: if that does not wake it, nothing could
    /// leave by a connection that there is.
    fn append_some(&mut self) {
        // A round at this moment, for what only time or a change of pace lets leave.
        self.harness.sender.needs_turn = true;
        self.harness.run();
        self.collect();
        let kind = self.harness.sleep_kind();
        let doorbell = self.harness.accumulator.doorbell();
        assert!(doorbell.try_sleep(kind), "it knows all events");
        let connections: Vec<_> = self.harness.live.keys().copied().collect();
        let mut woken = false;
        for _ in 0..self.rng.below(6) {
            let partition = self.rng.below(PARTITIONS as usize) as i32;
            let id = self.deliveries.len() as u32;
            match self.harness.try_append(partition, &id.to_be_bytes()) {
                Ok(appended) => {
                    woken |= appended.wake;
                    self.deliveries.push((partition, id, appended.delivery));
                }
                Err(AppendError::NeedMemory { wake, .. }) => woken |= wake,
                Err(other) => panic!("{other:?}"),
            }
        }
        self.harness.accumulator.doorbell().running();
        self.harness.run();
        let is_there = |sent: &&Produced| connections.contains(&sent.connection);
        let missed = self.harness.produced.iter().find(is_there);
        // A batch that is encoded early ends a gathering, which may as well go on.
        let is_plain = self.harness.config.compression == Compression::None;
        assert!(woken || !is_plain || missed.is_none(), "{kind:?}: {missed:?}");
    }

    fn step_without_records(&mut self) {
        let ms = [0, 1, 3, 7, 40, 120][self.rng.below(6)];
        self.harness.advance_ms(ms);
        self.collect();
        if self.chance(3, "move") {
            let partition = self.rng.below(PARTITIONS as usize);
            let leader = self.rng.below(3) as i32;
            let topic = self.harness.topics.get_mut(TOPIC).expect("it is there");
            let (_, epoch) = topic.partitions[partition];
            topic.partitions[partition] = (leader, epoch + 1);
        }
        if self.chance(1, "refresh") {
            self.harness.sender.discovery.want_now(self.harness.now);
        }
        if self.chance(5, "change of pace") {
            let broker = self.rng.below(3) as i32;
            let wait = Duration::from_millis([0, 5][self.rng.below(2)]);
            if let Some(broker) = self.harness.sender.brokers.get_mut(BrokerId(broker)) {
                (0..8).for_each(|_| broker.pacing.record_ack_wait(Some(wait)));
            }
        }
        if self.chance(5, "change of a linger") {
            let number = self.rng.below(4) as u32;
            let scope = match self.rng.below(2) {
                0 => LingerScope::Broker(BrokerId(number as i32)),
                _ => LingerScope::Partition(PartitionId(number)),
            };
            let linger = Duration::from_millis([0, 1, 5, 30, 200][self.rng.below(5)]);
            self.harness.linger(scope, linger);
        }
        if self.chance(1, "long silence") {
            self.harness.advance_ms(31_000);
            self.collect();
        }
        while !self.harness.splits.is_empty() && self.rng.below(3) > 0 {
            self.rework();
        }
        let connections: Vec<_> = self.sockets.keys().copied().collect();
        for c in connections {
            if self.rng.below(3) > 0 {
                self.serve(c);
            }
        }
        let connections: Vec<_> = self.replies.keys().copied().collect();
        for c in connections {
            if self.rng.below(3) == 0 {
                self.deliver(c);
            }
        }
    }

    fn rework(&mut self) {
        let Some(task) = self.harness.splits.pop_front() else {
            return;
        };
        let result = task.run(&mut linger_protocol::records::Scratch::default());
        self.harness.sender.handle_split(result, self.harness.now);
        self.harness.run();
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(produced) = self.harness.produced.pop_front() {
            produced.batches.iter().for_each(|batch| self.check_wire(batch));
            if self.harness.is_further(produced.connection) {
                *self.had.entry("by a further connection").or_default() += 1;
            }
            self.sockets
                .entry(produced.connection)
                .or_default()
                .push_back(produced);
        }
    }

    /// A range of sequences has the same bytes in every attempt, and no epoch comes back.
    fn check_wire(&mut self, batch: &Sent) {
        if batch.producer_id < 0 {
            return;
        }
        let epoch = self.epochs.entry(batch.partition).or_insert(batch.epoch);
        assert!(batch.epoch >= *epoch, "epoch {} after {epoch}", batch.epoch);
        *epoch = batch.epoch;
        let range = (batch.partition, batch.epoch, batch.sequence, batch.count);
        let before = self.ranges.entry(range).or_insert_with(|| batch.bytes.clone());
        assert_eq!(*before, batch.bytes, "a retried batch has the same bytes");
    }

    /// A broker works on the oldest request of a connection, which may have ended.
    fn serve(&mut self, c: ConnectionId) {
        let Some(request) = self.sockets.get_mut(&c).and_then(VecDeque::pop_front) else {
            self.sockets.remove(&c);
            return;
        };
        if self.chance(2, "cut before") {
            // It stays in the socket: a late copy.
            self.sockets.entry(c).or_default().push_front(request);
            if self.harness.live.contains_key(&c) {
                self.harness.cut(c, None);
                self.harness.run();
                self.collect();
            }
            return;
        }
        let answers: BTreeMap<i32, Answer> = request
            .batches
            .iter()
            .map(|batch| (batch.partition, self.judge(&request, batch)))
            .collect();
        if self.harness.live.contains_key(&c) {
            self.replies.entry(c).or_default().push_back((request, answers));
        }
        if !self.chance(30, "late answer") {
            self.deliver(c);
        }
    }

    /// The oldest answer on a connection arrives, or is lost with the connection.
    fn deliver(&mut self, c: ConnectionId) {
        let Some((request, answers)) = self.replies.get_mut(&c).and_then(VecDeque::pop_front) else {
            self.replies.remove(&c);
            return;
        };
        if !self.harness.live.contains_key(&c) {
            self.replies.remove(&c);
        } else if self.chance(4, "cut after") {
            self.harness.cut(c, None);
            self.harness.run();
        } else {
            let silence_ms = if self.chance(3, "throttled") {
                [1, 50, 2_000][self.rng.below(3)]
            } else {
                0
            };
            self.harness.reply_with(
                &request,
                |partition| answers[&partition].clone(),
                |response| response.throttle_time_ms = silence_ms,
            );
        }
        self.collect();
    }

    fn judge(&mut self, request: &Produced, batch: &Sent) -> Answer {
        let topic = &self.harness.topics[TOPIC];
        let (leader, epoch) = topic.partitions[batch.partition as usize];
        if leader != request.broker {
            let hint = self.rng.below(2) == 0;
            return Answer {
                leader: hint.then_some((leader, epoch)),
                ..code(6)
            };
        }
        if self.chance(4, "refused") {
            let before = [19, 5, 2, 74, 3, 6, 56];
            return code(before[self.rng.below(before.len())]);
        }
        if batch.count > 1 && self.chance(4, "too large") {
            return code(10);
        }
        if batch.count > 2 && self.chance(3, "culprits") {
            return Answer {
                culprits: vec![0, 2],
                ..code(87)
            };
        }
        if self.chance(2, "forbidden") {
            return code(44);
        }
        let log = self.logs.get_mut(&batch.partition).expect("it has a log");
        match log.append(batch) {
            Err(refused) => code(refused),
            Ok(offset) => {
                if self.chance(5, "ambiguous") {
                    let after = [7, 20, 6, 56];
                    return code(after[self.rng.below(after.len())]);
                }
                Answer {
                    base_offset: offset,
                    ..Answer::default()
                }
            }
        }
    }

    /// No more faults. All is resolved soon: what a lost wake-up left behind would wait for its
    /// delivery timeout.
    fn heal(&mut self) {
        self.faults = false;
        for _ in 0..200 {
            self.harness.advance_ms(50);
            self.collect();
            while !self.harness.splits.is_empty() {
                self.rework();
            }
            let connections: Vec<_> = self.sockets.keys().copied().collect();
            for c in connections {
                self.serve(c);
            }
            let connections: Vec<_> = self.replies.keys().copied().collect();
            for c in connections {
                self.deliver(c);
            }
            if self.harness.accumulator.ledger().unresolved() == 0 && self.sockets.is_empty() {
                return;
            }
        }
        panic!("something is not resolved: {:?}", self.harness.sender.partitions);
    }

    fn check(&self, idempotent: bool) {
        for (partition, id, delivery) in &self.deliveries {
            let records = &self.logs[partition].records;
            let copies = records.iter().filter(|record| *record == id).count();
            match delivery.outcome() {
                None => panic!("record {id} is not resolved"),
                Some(Ok(metadata)) => {
                    assert!(copies >= 1, "record {id} was acknowledged and is not in the log");
                    if let Some(offset) = metadata.offset {
                        assert_eq!(
                            records.get(offset as usize),
                            Some(id),
                            "the offset of record {id}"
                        );
                    }
                }
                Some(Err(error)) => {
                    if error.certainty() == Certainty::NotWritten {
                        assert_eq!(copies, 0, "record {id} was reported as not written: {error}");
                    }
                }
            }
            if idempotent {
                assert!(copies <= 1, "record {id} is {copies} times in the log");
            }
        }
        if idempotent {
            for (partition, log) in &self.logs {
                assert!(
                    log.records.is_sorted(),
                    "the order of partition {partition}: {:?}",
                    log.records
                );
            }
        }
        assert_eq!(self.harness.accumulator.memory().used(), 0);
    }
}

fn run(seed: u64, idempotent: bool, change: impl FnOnce(&mut Config)) -> BTreeMap<&'static str, u32> {
    let mut world = World::new(seed, |config| {
        config.enable_idempotence = idempotent;
        change(config);
    });
    for _ in 0..150 {
        world.step();
    }
    world.heal();
    world.check(idempotent);
    let ledger = world.harness.accumulator.ledger();
    let had = &mut world.had;
    had.insert("acknowledged", ledger.acknowledged as u32);
    had.insert("failed", ledger.failed as u32);
    let uncertain = world.deliveries.iter().filter(|(_, _, delivery)| {
        matches!(delivery.outcome(), Some(Err(error)) if error.certainty() == Certainty::PossiblyWritten)
    });
    had.insert("possibly written", uncertain.count() as u32);
    world.had
}

/// The seeds of a test: `count` of them, or as many as `SEEDS` says, or `SEED` alone.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let from_env = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let range = match from_env("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_env("SEEDS").unwrap_or(count),
    };
    range.inspect(|seed| println!("SEED={seed}"))
}

#[test]
fn an_idempotent_producer_loses_doubles_and_reorders_nothing() {
    let mut had = BTreeMap::new();
    for seed in seeds(300) {
        for (fault, count) in run(seed, true, |_| {}) {
            *had.entry(fault).or_insert(0) += count;
        }
    }
    println!("{had:?}");
    assert!(
        std::env::var("SEED").is_ok() || had.values().all(|count| *count > 300),
        "{had:?}"
    );
}

#[test]
fn with_short_deadlines_it_tells_the_truth_about_what_it_gives_up() {
    for seed in seeds(200) {
        run(seed, true, |config| {
            config.delivery_timeout = Duration::from_millis(600);
            config.request_timeout = Duration::from_millis(250);
        });
    }
}

#[test]
fn with_few_retries_it_tells_the_truth_about_what_it_gives_up() {
    for seed in seeds(100) {
        run(seed, true, |config| config.retries = 1);
    }
}

#[test]
fn small_requests_no_linger_and_a_codec_change_nothing() {
    for seed in seeds(60) {
        run(seed, true, |config| config.linger = Duration::ZERO);
        run(seed, true, |config| {
            config.compression = Compression::Lz4 { level: 1 }
        });
        run(seed, true, |config| {
            config.max_request_size = 4_096;
            config.batch_size = 120;
            config.batch_size_max = Some(200);
            config.max_in_flight = 2;
        });
    }
}

#[test]
fn whenever_it_is_closed_everything_is_resolved_and_truthfully() {
    for seed in seeds(200) {
        let mut world = World::new(seed, |_| {});
        let steps = world.rng.below(100);
        for step in 0..steps {
            world.step();
            if step % 10 == 9 {
                let flush = world.harness.accumulator.begin_flush();
                world.harness.sender.handle_flush(flush, world.harness.now);
            }
        }
        let patience = Duration::from_millis([0, 50, 400, 5_000][world.rng.below(4)]);
        world
            .harness
            .sender
            .handle_close(world.harness.now + patience, world.harness.now);
        for _ in 0..40 {
            world.step_without_records();
        }
        world.harness.advance_ms(5_000);
        while !world.harness.splits.is_empty() {
            world.rework();
        }
        assert!(world.harness.closed, "it closes in time");
        assert_eq!(world.harness.flushed.len(), steps / 10);
        assert_eq!(world.harness.accumulator.ledger().unresolved(), 0);
        assert!(world.harness.live.is_empty(), "no connection is left");
        assert_eq!(world.harness.sender.poll_timeout(), None);
        // Late copies, too.
        world.faults = false;
        for c in world.sockets.keys().copied().collect::<Vec<_>>() {
            while world.sockets.contains_key(&c) {
                world.serve(c);
            }
        }
        world.check(true);
    }
}

#[test]
fn a_plain_producer_loses_nothing_and_lies_about_nothing() {
    for seed in seeds(100) {
        run(seed, false, |_| {});
        run(seed, false, |config| config.max_in_flight = 1);
    }
}

/// Settings as no application would choose them, other ones for each seed.
fn odd(seed: u64) -> impl FnOnce(&mut Config) {
    move |config| {
        let mut rng = Rng::new(!seed);
        let mut ms = |choices: &[u64]| Duration::from_millis(choices[rng.below(choices.len())]);
        config.linger = ms(&[0, 1, 5, 200]);
        config.connections_max_idle = ms(&[30, 200, 1_000, 540_000]);
        config.reconnect_backoff = ms(&[0, 50, 1_000]);
        config.retry_backoff = ms(&[0, 100, 1_000]);
        let mut one_of = |choices: &[usize]| choices[rng.below(choices.len())];
        config.connections_per_broker = one_of(&[1, 2, 5, 16]);
        config.max_in_flight = one_of(&[1, 2, 5]);
        config.buffer_memory = one_of(&[2_048, 16_384, 1 << 25]);
        config.batch_size = one_of(&[1, 120, 16_384]);
        config.batch_size_max = [None, Some(config.batch_size.max(200))][one_of(&[0, 1])];
        config.compression = [Compression::None, Compression::Lz4 { level: 1 }][one_of(&[0, 1])];
    }
}

#[test]
fn whatever_is_set_everything_is_resolved_soon() {
    for seed in seeds(60) {
        run(seed, true, odd(seed));
        run(seed, false, odd(seed));
    }
}
