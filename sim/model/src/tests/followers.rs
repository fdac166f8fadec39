//! How much a follower's fetch takes, and what becomes of the rest.

use super::*;

const LATENCY: Duration = Duration::from_millis(5);

/// Two brokers: partition 0, 2, 4 and so on are led by broker 0 and followed by broker 1.
fn two(partitions: i32) -> ModelConfig {
    let mut config = config(2);
    config.topics = vec![TopicSpec::new(TOPIC, partitions)];
    config.ack_latency = Latency::fixed(LATENCY);
    config
}

/// Two brokers whose fetches have no room for two of the batches that `of_size` makes for this
/// size.
fn narrow(partitions: i32, size: usize) -> ModelConfig {
    ModelConfig {
        replica_fetch_max_bytes: size,
        replica_fetch_response_max_bytes: size,
        ..two(partitions)
    }
}

/// A batch of one record whose value has this size.
fn of_value(len: usize) -> Bytes {
    let value = vec![b'v'; len];
    let record = Record {
        key: None,
        value: Some(&value),
        headers: &[],
    };
    batch_of(
        NO_PRODUCER,
        Compression::None,
        std::iter::once((record, WALL_CLOCK_MS)),
    )
}

/// A batch of one record and just this size.
fn of_size(size: usize) -> Bytes {
    let overhead = of_value(size).len() - size;
    let batch = of_value(size - overhead);
    assert_eq!(
        batch.len(),
        size,
        "the lengths in front take as many bytes for either"
    );
    batch
}

impl World {
    /// Appends batches of these sizes to a partition.
    fn append(&mut self, partition: i32, sizes: &[usize]) {
        sizes
            .iter()
            .for_each(|&size| self.append_batch(partition, of_size(size)));
    }

    fn append_batch(&mut self, partition: i32, batch: Bytes) {
        let leader = self.model.leader(TOPIC, partition).expect("it has a leader");
        let response = self.ask(leader, 11, &produce(1, &[(TOPIC, partition, batch)]));
        assert_eq!(outcome(&response).error_code, ErrorCode::NONE);
    }

    fn high_watermark(&self, partition: i32) -> i64 {
        let high_watermark = self.model.high_watermark(TOPIC, partition);
        high_watermark.expect("the partition exists")
    }

    /// A partition's high watermark after each fetch, until it stands still.
    fn steps(&mut self, partition: i32) -> Vec<i64> {
        let mut steps = vec![self.high_watermark(partition)];
        loop {
            self.pass(LATENCY);
            let next = self.high_watermark(partition);
            if steps.last() == Some(&next) {
                return steps;
            }
            steps.push(next);
        }
    }
}

#[test]
fn what_is_over_1_mib_of_a_partition_is_acknowledged_one_fetch_later() {
    let mut world = World::new(two(1));
    world.append(0, &[200]);
    let (one, two) = (world.connect(0), world.connect(0));
    let request = produce(-1, &[(TOPIC, 0, of_size(600_000))]);
    let (first, second) = (world.send(one, 11, &request), world.send(two, 11, &request));
    world.pass(LATENCY);
    assert_eq!((world.told(one), world.told(two)), (vec![], vec![]));
    world.pass(LATENCY);
    let first = outcome(&world.answer::<ProduceRequest>(one, 11, first));
    assert_eq!((first.error_code, first.base_offset), (ErrorCode::NONE, 1));
    assert_eq!(world.told(two), [], "1.2 MB are over 1 MiB");
    world.pass(LATENCY);
    let second = outcome(&world.answer::<ProduceRequest>(two, 11, second));
    assert_eq!((second.error_code, second.base_offset), (ErrorCode::NONE, 2));
}

#[test]
fn what_is_within_1_mib_goes_in_one_fetch() {
    let mut world = World::new(two(1));
    world.append(0, &[200, 500_000, 500_000, 48_576, 200]);
    assert_eq!(world.steps(0), [0, 1, 4, 5]);
}

#[test]
fn the_rest_goes_on_without_new_appends_and_then_nothing_more() {
    let mut world = World::new(narrow(1, 1_000));
    world.append(0, &[600; 5]);
    assert_eq!(world.steps(0), [0, 1, 2, 3, 4, 5]);
    let next = world.model.poll_timeout();
    assert!(
        next.is_none_or(|at| at > world.now + LATENCY * 1_000),
        "no fetch begins"
    );
}

#[test]
fn a_batch_over_the_limit_goes_alone() {
    let mut config = two(1);
    config.replica_fetch_max_bytes = 1_000;
    let mut world = World::new(config);
    world.append(0, &[200, 5_000, 400, 600, 400]);
    assert_eq!(world.steps(0), [0, 1, 2, 4, 5]);
}

#[test]
fn with_limits_of_zero_each_fetch_takes_one_batch() {
    let mut world = World::new(narrow(3, 0));
    world.append(0, &[200; 2]);
    world.append(2, &[200; 2]);
    let mut told = Vec::new();
    for _ in 0..4 {
        world.pass(LATENCY);
        told.push((world.high_watermark(0), world.high_watermark(2)));
    }
    assert_eq!(told, [(1, 0), (1, 1), (2, 1), (2, 2)]);
}

#[test]
fn a_batch_over_the_limit_waits_until_its_partition_is_first() {
    let mut config = two(3);
    config.replica_fetch_max_bytes = 1_000;
    let mut world = World::new(config);
    let batches = [(TOPIC, 0, of_size(200)), (TOPIC, 2, of_size(5_000))];
    world.ask(0, 11, &produce(1, &batches));
    world.pass(LATENCY);
    assert_eq!((world.high_watermark(0), world.high_watermark(2)), (1, 0));
    world.pass(LATENCY);
    assert_eq!((world.high_watermark(0), world.high_watermark(2)), (1, 1));
}

#[test]
fn a_fetch_takes_10_mib_of_all_partitions_together() {
    let mut world = World::new(two(24));
    let led_by_0 = (0..24).step_by(2);
    let batches: Vec<_> = led_by_0
        .clone()
        .map(|partition| (TOPIC, partition, of_size(1_000_000)))
        .collect();
    world.ask(0, 11, &produce(1, &batches));
    let through = |world: &World| {
        let partitions = led_by_0.clone();
        partitions
            .filter(|&partition| world.high_watermark(partition) == 1)
            .count()
    };
    world.pass(LATENCY);
    assert_eq!(through(&world), 10);
    world.pass(LATENCY);
    assert_eq!(through(&world), 12);
}

#[test]
fn partitions_take_turns() {
    let mut world = World::new(narrow(5, 1_000));
    world.append(0, &[600; 4]);
    world.append(2, &[600; 3]);
    world.append(4, &[600; 1]);
    let mut told = Vec::new();
    for _ in 0..8 {
        world.pass(LATENCY);
        told.push([0, 2, 4].map(|partition| world.high_watermark(partition)));
    }
    let expected = [
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 1],
        [2, 1, 1],
        [2, 2, 1],
        [3, 2, 1],
        [3, 3, 1],
        [4, 3, 1],
    ];
    assert_eq!(told, expected);
}

#[test]
fn hot_partitions_hold_an_idle_one_back_by_one_fetch_at_most() {
    let mut world = World::new(narrow(9, 1_000));
    world.append(8, &[600]);
    for hot in [0, 2, 4, 6] {
        world.append(hot, &[600; 20]);
    }
    world.pass(LATENCY * 7);
    world.append(8, &[600]);
    world.pass(LATENCY);
    assert_eq!(world.high_watermark(8), 1, "one is under way");
    world.pass(LATENCY);
    assert_eq!(world.high_watermark(8), 2);
}

#[test]
fn a_smaller_batch_behind_one_that_has_no_room_goes() {
    let mut world = World::new(narrow(5, 1_000));
    let batches = [(0, 600), (2, 600), (4, 300)].map(|(partition, size)| (TOPIC, partition, of_size(size)));
    world.ask(0, 11, &produce(1, &batches));
    world.pass(LATENCY);
    assert_eq!(
        [0, 2, 4].map(|partition| world.high_watermark(partition)),
        [1, 0, 1]
    );
    world.pass(LATENCY);
    assert_eq!(
        [0, 2, 4].map(|partition| world.high_watermark(partition)),
        [1, 1, 1]
    );
}

#[test]
fn a_batch_that_is_cut_takes_room_from_the_partitions_behind() {
    let mut world = World::new(narrow(3, 1_000));
    world.append(2, &[200]);
    world.append(0, &[600, 600]);
    world.append(2, &[300]);
    // Of partition 0, whose turn it is, go one batch and the beginning of another for the 400 bytes
    // that are left.
    world.pass(LATENCY * 2);
    assert_eq!((world.high_watermark(0), world.high_watermark(2)), (1, 1));
    world.pass(LATENCY);
    assert_eq!((world.high_watermark(0), world.high_watermark(2)), (2, 2));
}

/// What a follower of Apache Kafka 4.3.1 fetched that had `replica.fetch.max.bytes=1000` and
/// `replica.fetch.response.max.bytes=2500`, and had stood still while this was appended.
#[test]
fn a_follower_fetches_what_apache_kafka_s_did() {
    // Partition and size of the value.
    let appended = [
        (2, 100),
        (0, 2600),
        (0, 900),
        (1, 100),
        (1, 600),
        (0, 200),
        (1, 1000),
        (0, 600),
        (0, 2600),
        (1, 100),
        (3, 5000),
        (0, 600),
        (2, 5000),
        (0, 5000),
        (1, 1000),
        (0, 600),
        (0, 2600),
        (3, 300),
        (0, 1000),
        (0, 2600),
        (0, 5000),
        (0, 2600),
        (3, 300),
        (0, 5000),
        (1, 600),
        (0, 200),
        (1, 200),
        (1, 100),
        (1, 600),
        (1, 2600),
        (1, 900),
        (1, 5000),
    ];
    // Log ends of the four partitions after each fetch.
    let expected = [
        [2, 3, 2, 1],
        [2, 3, 2, 2],
        [3, 3, 2, 2],
        [3, 3, 3, 2],
        [3, 4, 3, 4],
        [4, 5, 3, 4],
        [6, 5, 3, 4],
        [6, 6, 3, 4],
        [7, 6, 3, 4],
        [8, 8, 3, 4],
        [8, 10, 3, 4],
        [9, 10, 3, 4],
        [9, 11, 3, 4],
        [10, 12, 3, 4],
        [11, 12, 3, 4],
        [11, 13, 3, 4],
        [12, 13, 3, 4],
        [13, 13, 3, 4],
        [14, 13, 3, 4],
        [15, 13, 3, 4],
        [16, 13, 3, 4],
        [17, 13, 3, 4],
    ];
    let mut world = World::new(ModelConfig {
        replica_fetch_max_bytes: 1_000,
        replica_fetch_response_max_bytes: 2_500,
        ..two(10)
    });
    for partition in [2, 0, 3, 1, 0] {
        world.append_batch(partition * 2, of_value(100));
        world.pass(LATENCY);
    }
    // Keeps the follower busy until the rest is there.
    world.append(8, &[200]);
    for (partition, len) in appended {
        world.append_batch(partition * 2, of_value(len));
    }
    world.pass(LATENCY);
    for (nth, expected) in expected.into_iter().enumerate() {
        world.pass(LATENCY);
        let ends = [0, 1, 2, 3].map(|partition| world.high_watermark(partition * 2));
        assert_eq!(ends, expected, "after fetch {nth}");
    }
}

#[test]
fn without_latency_there_is_no_limit() {
    let mut config = narrow(1, 0);
    config.ack_latency = Latency::fixed(Duration::ZERO);
    let mut world = World::new(config);
    world.control(Control::Freeze(1));
    world.append(0, &[600; 5]);
    world.control(Control::Thaw(1));
    assert_eq!(world.high_watermark(0), 5);
}

#[test]
fn a_follower_that_froze_goes_on_with_what_it_lacks() {
    let mut world = World::new(narrow(1, 1_000));
    world.append(0, &[600; 4]);
    world.pass(LATENCY + MS);
    world.control(Control::Freeze(1));
    world.pass(LATENCY * 10);
    assert_eq!(world.high_watermark(0), 1, "the fetch under way was broken off");
    world.control(Control::Thaw(1));
    assert_eq!(world.steps(0), [1, 2, 3, 4]);
}

#[test]
fn a_leader_that_froze_goes_on_with_what_its_follower_lacks() {
    let mut world = World::new(narrow(1, 1_000));
    world.append(0, &[600; 4]);
    world.pass(LATENCY + MS);
    world.control(Control::Freeze(0));
    world.pass(LATENCY * 10);
    world.control(Control::Thaw(0));
    assert_eq!(world.steps(0), [1, 2, 3, 4]);
}

#[test]
fn a_new_leader_has_what_it_fetched_and_the_old_one_fetches_from_there() {
    let mut world = World::new(narrow(1, 1_000));
    world.append(0, &[600; 4]);
    world.pass(LATENCY * 2 + MS);
    world.control(Control::Stop(0));
    assert_eq!(world.model.leader(TOPIC, 0), Some(1));
    assert_eq!(world.log(0), [(0, 1), (1, 1)]);
    world.append(0, &[600; 3]);
    world.control(Control::Start(0));
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![1]));
    world.pass(LATENCY * 2);
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![1]), "it lacks a batch");
    world.pass(LATENCY);
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0, 1]));
    assert_eq!(world.high_watermark(0), 5);
}

#[test]
fn a_fetch_that_an_election_overtook_counts_for_nothing() {
    let mut world = World::new(narrow(1, 1_000));
    world.append(0, &[600; 3]);
    world.pass(LATENCY + MS);
    for to in [1, 0] {
        world.control(Control::MoveLeader {
            topic: TOPIC.into(),
            partition: 0,
            to,
        });
    }
    assert_eq!(world.log(0), [(0, 1)], "what broker 1 did not have is lost");
    world.append(0, &[600; 2]);
    world.pass(LATENCY - MS);
    assert_eq!(world.high_watermark(0), 1);
    assert_eq!(world.steps(0), [1, 2, 3]);
}

#[test]
fn a_follower_that_cannot_keep_up_leaves_the_in_sync_set_until_it_can() {
    let mut config = narrow(1, 1_000);
    config.replica_lag_time_max = LATENCY * 20;
    let mut world = World::new(config);
    for _ in 0..40 {
        world.append(0, &[600; 2]);
        world.pass(LATENCY);
    }
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0]));
    assert_eq!(world.high_watermark(0), 80);
    world.pass(LATENCY * 39);
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0]));
    world.pass(LATENCY * 2);
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0, 1]));
}

#[test]
fn a_follower_behind_the_log_start_goes_on_from_there() {
    let mut config = narrow(1, 1_000);
    config.retention_bytes = 1_800;
    let mut world = World::new(config);
    world.append(0, &[600; 9]);
    assert_eq!(world.model.log(TOPIC, 0).map(PartitionLog::start), Some(6));
    assert_eq!(world.steps(0), [0, 1, 7, 8, 9]);
}

#[test]
fn a_follower_of_which_nothing_is_left_to_fetch_joins_the_in_sync_set() {
    let mut world = World::new(two(1));
    world.control(Control::Stop(1));
    world.append(0, &[600; 3]);
    world.control(Control::Truncate {
        topic: TOPIC.into(),
        partition: 0,
        before_offset: 3,
    });
    world.control(Control::Start(1));
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0]));
    world.pass(LATENCY);
    assert_eq!(world.model.in_sync(TOPIC, 0), Some(vec![0, 1]));
}

#[test]
fn more_bytes_than_a_fetch_can_ask_for_are_refused() {
    let bytes = i32::MAX as usize + 1;
    let check = |config: ModelConfig, message: &str| {
        let error = ClusterModel::new(config, Instant::now()).expect_err("it is too much");
        assert_eq!(error.to_string(), message);
    };
    check(
        ModelConfig {
            replica_fetch_max_bytes: bytes,
            ..config(1)
        },
        "replica.fetch.max.bytes is 2147483648: it must be at most 2147483647, the largest size of Kafka's protocol",
    );
    check(
        ModelConfig {
            replica_fetch_response_max_bytes: bytes,
            ..config(1)
        },
        "replica.fetch.response.max.bytes is 2147483648: it must be at most 2147483647, the largest size of Kafka's \
         protocol",
    );
}
