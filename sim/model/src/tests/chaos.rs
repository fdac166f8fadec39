//! Random events, by seed: what must hold whatever happens.

use std::collections::BTreeMap;

use super::*;
use crate::rng::Rng;

const SEEDS: u64 = 200;

/// An idempotent producer of the simplest kind: one batch at a time, repeated until it is
/// acknowledged.
struct Client {
    producer_id: i64,
    sequence: i32,
    attempt: Option<(ConnectionId, i32)>,
    acknowledged: Vec<(i64, i32)>,
}

impl Client {
    fn act(&mut self, world: &mut World, rng: &mut Rng) {
        if let Some((connection, correlation_id)) = self.attempt {
            let told = world.told(connection);
            match told.first() {
                None if rng.chance(0.9) => return,
                None | Some(Answer::Closed(_) | Answer::Resumed) => self.attempt = None,
                Some(Answer::Frame(frame, _)) => {
                    self.attempt = None;
                    let outcome = outcome(&decode::<ProduceRequest>(frame, 11, correlation_id));
                    if outcome.error_code == ErrorCode::NONE {
                        self.acknowledged.push((outcome.base_offset, self.sequence));
                        self.sequence += 1;
                    }
                }
            }
        }
        let leader = world.model.leader(TOPIC, 0).unwrap_or(0);
        let broker = if rng.chance(0.05) {
            rng.below(3) as i32
        } else {
            leader
        };
        let connection = world.connect(broker);
        let batch = batch(self.producer_id, self.sequence, 1);
        self.attempt = Some((
            connection,
            world.send(connection, 11, &produce(-1, &[(TOPIC, 0, batch)])),
        ));
    }
}

fn interfere(world: &mut World, rng: &mut Rng) {
    let broker = rng.below(3) as i32;
    let control = match rng.below(9) {
        0 => Control::Stop(broker),
        1 | 2 => Control::Start(broker),
        3 => Control::Freeze(broker),
        4 | 5 => Control::Thaw(broker),
        _ => Control::MoveLeader {
            topic: TOPIC.into(),
            partition: 0,
            to: broker,
        },
    };
    // Many are refused, such as moving to a broker that is down.
    let _ = world.model.control(control, world.now);
    world.collect();
}

fn run(seed: u64) -> (usize, Vec<(i64, u32)>) {
    let mut rng = Rng::new(seed);
    let mut config = config(3);
    config.seed = seed;
    config.topics[0].min_insync_replicas = Some(2);
    config.ack_latency = ["0ms", "5ms", "uniform:1ms..30ms"][seed as usize % 3]
        .parse()
        .expect("a latency");
    config.session_timeout = Duration::from_millis(200);
    config.failover = MS * rng.below(100) as u32;
    let mut world = World::new(config);
    let faults = [
        "produce:probability=0.05:appended:close",
        "produce:probability=0.05:before-append:delay=20ms",
    ];
    for rule in faults {
        world
            .model
            .add_fault(rule.parse().expect("a rule"))
            .expect("room");
    }
    let mut clients: Vec<_> = (0..3)
        .map(|id| Client {
            producer_id: id,
            sequence: 0,
            attempt: None,
            acknowledged: Vec::new(),
        })
        .collect();
    let mut last_high_watermark = 0;
    for _ in 0..300 {
        if rng.chance(0.1) {
            interfere(&mut world, &mut rng);
        }
        clients
            .iter_mut()
            .for_each(|client| client.act(&mut world, &mut rng));
        world.pass(MS * rng.below(30) as u32);
        let high_watermark = world
            .model
            .high_watermark(TOPIC, 0)
            .expect("the partition exists");
        assert!(
            high_watermark >= last_high_watermark,
            "seed {seed}: the high watermark fell"
        );
        last_high_watermark = high_watermark;
    }
    let records = world.model.records(TOPIC, 0).expect("the partition exists");
    let mut places = BTreeMap::new();
    for record in &records {
        let earlier = places.insert((record.producer_id, record.sequence), record.offset);
        assert_eq!(earlier, None, "seed {seed}: a record is doubled");
    }
    for client in &clients {
        for &(offset, sequence) in &client.acknowledged {
            let place = places.get(&(client.producer_id, Some(sequence)));
            assert_eq!(
                place,
                Some(&offset),
                "seed {seed}: an acknowledged record is lost or elsewhere"
            );
        }
        let of_client = records
            .iter()
            .filter(|record| record.producer_id == client.producer_id);
        let sequences: Vec<_> = of_client.filter_map(|record| record.sequence).collect();
        assert!(sequences.is_sorted(), "seed {seed}: out of order");
    }
    (
        clients.iter().map(|client| client.acknowledged.len()).sum(),
        world.log(0),
    )
}

#[test]
fn acknowledged_records_are_in_the_log_once_in_order_whatever_happens_to_the_brokers() {
    let acknowledged: usize = (0..SEEDS).map(|seed| run(seed).0).sum();
    assert!(
        acknowledged > SEEDS as usize * 100,
        "hardly anything was acknowledged: {acknowledged}"
    );
}

#[test]
fn a_seed_gives_the_same_log_again() {
    for seed in 0..10 {
        assert_eq!(run(seed), run(seed));
    }
}

#[test]
fn no_mutilated_request_stops_the_cluster() {
    let mut rng = Rng::new(1);
    let mut world = World::three();
    let frames = sound_frames();
    for round in 0..20_000 {
        let (key, frame) = &frames[rng.below(frames.len() as u64) as usize];
        let mut frame = frame.clone();
        for _ in 0..=rng.below(4) {
            let at = rng.below(frame.len() as u64) as usize;
            match rng.below(4) {
                0 => frame.truncate(at.max(1)),
                1 => frame[at] ^= 1 << rng.below(8),
                2 => frame[at] = [0, 0x7f, 0x80, 0xff][rng.below(4) as usize],
                _ => frame.insert(at, rng.next_u64() as u8),
            }
        }
        let connection = world.connect(0);
        world.send_raw(connection, frame.into());
        world.pass(MS);
        let told = world.told(connection);
        let is_long_poll = *key == 1;
        assert!(!told.is_empty() || is_long_poll || round > 0, "nothing was said");
        world.model.handle(Event::Closed { connection }, world.now);
        world.collect();
        world.answers.clear();
    }
    world.model.take_observations();
    assert_eq!(
        world.produce(0, -1, batch(1 << 40, 0, 1)).error_code,
        ErrorCode::NONE
    );
}

/// One sound frame of every API, and its key.
fn sound_frames() -> Vec<(i16, Vec<u8>)> {
    fn frame<R: Request>(version: i16, request: &R) -> (i16, Vec<u8>) {
        let mut frame = Vec::new();
        let (api_key, client_id) = (R::KEY as i16, Some("test".into()));
        RequestHeader {
            api_key,
            api_version: version,
            correlation_id: 1,
            client_id,
        }
        .encode(&mut frame);
        request.encode(&mut frame, version);
        (api_key, frame)
    }
    let lz4 = stamped(NO_PRODUCER, 50, Compression::LZ4);
    let partition = FetchPartition {
        partition: 0,
        fetch_offset: 0,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let offset = ListOffsetsPartition {
        partition_index: 0,
        timestamp: 5,
        ..Default::default()
    };
    let topics = vec![FetchTopic {
        topic: TOPIC.into(),
        partitions: vec![partition],
    }];
    let offsets = vec![ListOffsetsTopic {
        name: TOPIC.into(),
        partitions: vec![offset],
    }];
    let names = vec![MetadataRequestTopic {
        name: Some(TOPIC.into()),
        ..Default::default()
    }];
    let created = vec![CreatableTopic {
        name: "new".into(),
        num_partitions: 2,
        replication_factor: 2,
        ..Default::default()
    }];
    vec![
        frame(3, &produce(-1, &[(TOPIC, 0, batch(7, 0, 3))])),
        frame(11, &produce(-1, &[(TOPIC, 0, batch(8, 0, 3))])),
        frame(9, &produce(1, &[(TOPIC, 0, lz4)])),
        frame(
            4,
            &FetchRequest {
                max_bytes: 1 << 20,
                topics: topics.clone(),
                ..Default::default()
            },
        ),
        frame(
            12,
            &FetchRequest {
                max_bytes: 1 << 20,
                topics,
                ..Default::default()
            },
        ),
        frame(
            9,
            &ListOffsetsRequest {
                topics: offsets,
                ..Default::default()
            },
        ),
        frame(
            12,
            &MetadataRequest {
                topics: Some(names),
                allow_auto_topic_creation: false,
                ..Default::default()
            },
        ),
        frame(
            7,
            &CreateTopicsRequest {
                topics: created,
                validate_only: true,
                ..Default::default()
            },
        ),
        frame(
            4,
            &InitProducerIdRequest {
                transactional_id: None,
                ..Default::default()
            },
        ),
        frame(
            6,
            &FindCoordinatorRequest {
                coordinator_keys: vec!["g".into()],
                ..Default::default()
            },
        ),
        frame(
            4,
            &ApiVersionsRequest {
                client_software_name: "x".into(),
                client_software_version: "1".into(),
            },
        ),
    ]
}
