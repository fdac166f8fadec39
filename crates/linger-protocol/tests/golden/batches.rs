//! The batches within captured frames: what other clients wrote is read, and what was not
//! compressed is built again equal.

use bytes::Bytes;
use linger_protocol::messages::{RequestBody, ResponseBody};
use linger_protocol::records::{
    BatchBuilder, BatchView, Codec, Compression, Header, Record, Scratch, Stamp, batches,
};

use crate::captured::captured;

/// Every record set in the capture: who sent it, in what, and the set.
fn record_sets() -> Vec<(String, bool, Bytes)> {
    let mut sets = Vec::new();
    for captured in captured().filter(|captured| captured.is_spoken()) {
        let label = format!("{} of {}", captured.line, captured.sender);
        let mut add = |records: &Option<linger_protocol::RecordSet>| {
            let bytes = records
                .as_ref()
                .expect("Kafka and its clients send no null records")
                .to_bytes();
            sets.push((label.clone(), captured.is_request, bytes));
        };
        if captured.is_request {
            if let RequestBody::Produce(request) = captured.request().1 {
                request
                    .topic_data
                    .iter()
                    .flat_map(|topic| &topic.partition_data)
                    .for_each(|data| add(&data.records));
            }
        } else if let ResponseBody::Fetch(response) = captured.response().1 {
            response
                .responses
                .iter()
                .flat_map(|topic| &topic.partitions)
                .for_each(|data| add(&data.records));
        }
    }
    sets
}

#[test]
fn every_captured_batch_is_read_whole() {
    let mut codecs = Vec::new();
    for (label, is_request, set) in record_sets() {
        let mut count = 0;
        for batch in batches(&set) {
            let batch = batch.expect(&label);
            batch.verify_crc().expect(&label);
            let records = batch.records(1 << 20).expect(&label);
            let read = records.iter().collect::<Result<Vec<_>, _>>().expect(&label);
            assert_eq!(read.len(), batch.count() as usize, "{label}");
            codecs.extend(batch.codec());
            count += 1;
        }
        assert!(!is_request || count == 1, "{label}: {count} batches");
    }
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        assert!(codecs.contains(&codec), "{codec:?} was not captured");
    }
}

#[test]
fn uncompressed_batches_are_built_again_byte_for_byte() {
    let mut count = 0;
    for (label, is_request, set) in record_sets() {
        let batch = batches(&set).next().and_then(Result::ok);
        let Some(batch) = batch.filter(|batch| is_request && batch.codec() == Ok(Codec::None)) else {
            continue;
        };
        let mut ours = rebuilt(&batch);
        if !label.contains("Apache Kafka") {
            // librdkafka and kafka-python write 0 where Apache Kafka writes -1; the checksum does
            // not cover it.
            ours[12..16].copy_from_slice(&batch.partition_leader_epoch().to_be_bytes());
        }
        assert_eq!(ours, batch.bytes(), "{label}");
        count += 1;
    }
    assert!(count >= 5, "only {count} batches were built again");
}

fn rebuilt(batch: &BatchView<'_>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    let records = batch.records(0).expect("uncompressed");
    for record in records.iter().map(|record| record.expect("checked above")) {
        let headers: Vec<_> = record
            .headers()
            .map(|header| (header.key_lossy(), header.value))
            .collect();
        let headers: Vec<_> = headers
            .iter()
            .map(|(key, value)| Header {
                key: key.as_ref(),
                value: *value,
            })
            .collect();
        let timestamp = batch.timestamp_of(&record);
        builder.append(
            &Record {
                key: record.key,
                value: record.value,
                headers: &headers,
            },
            timestamp,
        );
    }
    let encoded = builder.close().encode(Compression::None, &mut Scratch::default());
    let stamp = Stamp {
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
    };
    [
        encoded.header(stamp, batch.is_transactional()).as_slice(),
        &encoded.body,
    ]
    .concat()
}
