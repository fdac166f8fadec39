//! The simulator's side of a record: a produce request decoded, examined, appended and answered.

use std::time::Instant;

use bytes::Bytes;
use linger_protocol::RecordSet;
use linger_protocol::frame::encode_request;
use linger_protocol::messages::{PartitionProduceData, ProduceRequest, TopicProduceData};
use linger_sim_model::{
    Action, BrokerAddress, ClusterModel, ConnectionId, Event, ExamineConfig, ModelConfig, TopicSpec, examine,
};

use crate::{PARTITIONS, TIMESTAMP, TOPIC, batch};

const PRODUCE_VERSION: i16 = 12;
const LENGTH_SIZE: usize = 4;

/// The same request again and again, with a batch for each partition; without a producer id that is
/// no duplicate.
pub(crate) fn produce(records: u64) -> u64 {
    let now = Instant::now();
    let mut config = ModelConfig::new(vec![BrokerAddress {
        host: "localhost".into(),
        port: 9092,
    }]);
    config.topics.push(TopicSpec::new(TOPIC, PARTITIONS));
    config.wall_clock_ms = TIMESTAMP;
    let examine_config = ExamineConfig::new(&config);
    let mut cluster = ClusterModel::new(config, now).expect("a valid configuration");
    let connection = ConnectionId(0);
    cluster.handle(
        Event::Opened {
            connection,
            broker: 0,
        },
        now,
    );
    let frame = request();
    let (mut asked, mut answered, mut produced) = (0, 0, 0);
    while produced < records {
        let examined = examine(frame.clone(), &examine_config);
        produced += examined.produced().expect("a produce request").records;
        cluster.handle(Event::Request { connection, examined }, now);
        asked += 1;
        while let Some(action) = cluster.poll_action() {
            match action {
                Action::Reply { .. } => answered += 1,
                Action::Resume { .. } => {}
                Action::Close { .. } => panic!("the request is in order"),
            }
        }
    }
    let ends = (0..PARTITIONS).map(|partition| cluster.high_watermark(TOPIC, partition));
    let held: i64 = ends.map(|end| end.expect("the partition exists")).sum();
    assert_eq!((answered, held), (asked, produced as i64));
    produced
}

/// The frame without its length.
fn request() -> Bytes {
    let batch = Bytes::from(batch::encoded());
    let partition_data = (0..PARTITIONS).map(|index| PartitionProduceData {
        index,
        records: Some(RecordSet::from(batch.clone())),
    });
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: TOPIC.into(),
            partition_data: partition_data.collect(),
        }],
        ..ProduceRequest::default()
    };
    let mut frame = Vec::new();
    encode_request(&mut frame, PRODUCE_VERSION, 0, Some("instructions"), &request);
    Bytes::from(frame).slice(LENGTH_SIZE..)
}
