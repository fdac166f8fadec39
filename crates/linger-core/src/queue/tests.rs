use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use linger_protocol::records::{BatchView, HEADER_SIZE, Header, Record, Scratch, Stamp};
use rstest::rstest;

use super::*;
use crate::accumulator::{Accumulator, AppendError, Appended};
use crate::batch::StampedBatch;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::doorbell::Ready;
use crate::error::DeliveryErrorKind;
use crate::partitioner::Filled;
use crate::testing::{Task, origin, queue};

const STAMP: Stamp = Stamp {
    producer_id: 9,
    producer_epoch: 1,
    base_sequence: 0,
};

fn try_append(queue: &Arc<PartitionQueue>, value: &[u8], at: Instant) -> Result<Appended, AppendError> {
    queue.append(
        &Record {
            value: Some(value),
            ..Record::default()
        },
        1_000,
        None,
        || at,
    )
}

fn append(queue: &Arc<PartitionQueue>, value: &[u8], at: Instant) -> Delivery {
    try_append(queue, value, at).expect("there is memory").delivery
}

fn encode(queue: &Arc<PartitionQueue>) -> bool {
    let Some(job) = queue.seal() else { return false };
    queue.put_encoded(job.run(&mut Scratch::new()));
    true
}

fn stamp_next(queue: &Arc<PartitionQueue>) -> Option<StampedBatch> {
    Some(queue.take_encoded(usize::MAX)?.stamp(STAMP))
}

/// Values of the records of a stamped batch, as a broker reads them.
fn values(batch: &StampedBatch) -> Vec<Vec<u8>> {
    let bytes = batch.record_set().to_bytes();
    let view = BatchView::parse(&bytes).expect("a whole batch");
    view.verify_crc().expect("its checksum");
    let records = view.records(1 << 24).expect("readable records");
    records
        .iter()
        .map(|record| record.expect("a whole record").value.unwrap_or_default().to_vec())
        .collect()
}

fn timed_out() -> DeliveryError {
    DeliveryError::not_written(DeliveryErrorKind::Timeout)
}

fn news(accumulator: &Accumulator) -> Vec<Ready> {
    let mut news = Vec::new();
    accumulator.doorbell().drain(&mut news);
    news
}

#[test]
fn a_record_comes_out_as_it_went_in() {
    let (accumulator, queue) = queue(|_| {});
    let headers = [
        Header {
            key: "h",
            value: Some(b"1"),
        },
        Header {
            key: "h",
            value: None,
        },
    ];
    let record = Record {
        key: Some(b"k"),
        value: Some(b"v"),
        headers: &headers,
    };
    let appended = queue.append(&record, 5, None, origin).unwrap();
    assert!(encode(&queue));
    let batch = stamp_next(&queue).unwrap();
    assert_eq!((batch.count(), batch.size()), (1, HEADER_SIZE + appended.bytes));
    let bytes = batch.record_set().to_bytes();
    let view = BatchView::parse(&bytes).unwrap();
    view.verify_crc().unwrap();
    let records = view.records(1000).unwrap();
    let record = records.iter().next().unwrap().unwrap();
    assert_eq!(
        (record.key, record.value, record.headers().len()),
        (Some(&b"k"[..]), Some(&b"v"[..]), 2)
    );
    assert_eq!(
        (view.base_timestamp(), view.producer_id(), view.base_sequence()),
        (5, 9, 0)
    );
    batch.acknowledge(Some(42), None);
    assert_eq!(appended.delivery.outcome().unwrap().unwrap().offset, Some(42));
    drop(bytes);
    assert_eq!(accumulator.memory().used(), 0);
}

#[rstest]
#[case::topic_of_producers_times(None, [1, 9])]
#[case::topic_of_brokers_times(Some(77), [77, 77])]
#[case::duplicate_on_a_topic_of_producers_times(Some(9), [1, 9])]
fn a_record_keeps_its_time_unless_the_broker_gave_it_another(
    #[case] answered: Option<i64>,
    #[case] expected: [i64; 2],
) {
    let (_accumulator, queue) = queue(|_| {});
    let deliveries = [1, 9].map(|timestamp| {
        let appended = queue.append(&Record::default(), timestamp, None, origin);
        appended.unwrap().delivery
    });
    assert!(encode(&queue));
    stamp_next(&queue).unwrap().acknowledge(Some(0), answered);
    assert_eq!(
        deliveries.map(|delivery| delivery.outcome().unwrap().unwrap().timestamp),
        expected
    );
}

#[test]
fn a_batch_given_up_while_its_job_is_out_is_not_the_oldest() {
    let (_accumulator, queue) = queue(|_| {});
    let later = origin() + Duration::from_secs(1);
    let given_up = append(&queue, b"given up", origin());
    let job = queue.seal().unwrap();
    let kept = append(&queue, b"kept", later);
    let expired = queue.expire(origin(), timed_out);
    assert_eq!((expired.records, queue.status().oldest), (1, Some(later)));
    queue.put_encoded(job.run(&mut Scratch::new()));
    assert_eq!(queue.status().oldest, Some(later));
    assert!(given_up.outcome().unwrap().is_err() && kept.outcome().is_none());
}

#[test]
fn the_first_record_opens_a_batch_and_the_clock_is_read_only_then() {
    let (accumulator, queue) = queue(|_| {});
    let at = origin();
    drop(append(&queue, b"first", at));
    assert_eq!(
        news(&accumulator),
        [Ready::Opened {
            partition: queue.id(),
            at
        }]
    );
    let record = Record::default();
    let _ = queue
        .append(&record, 0, None, || unreachable!("the batch is open"))
        .unwrap();
    assert_eq!(news(&accumulator), []);
    let open = queue.status().open.unwrap();
    assert_eq!((open.count, open.since, open.full), (2, at, false));
    assert_eq!(queue.status().oldest, Some(at));
}

#[test]
fn a_batch_is_full_once_and_keeps_within_batch_size_if_it_leaves_then() {
    let (accumulator, queue) = queue(|config| config.batch_size = 1000);
    let at = origin();
    let mut filled = Vec::new();
    for n in 0..30 {
        let appended = try_append(&queue, &[7; 100], at).unwrap();
        if appended.filled == Filled::Yes {
            filled.push((n, queue.status().open.unwrap().bytes));
        }
    }
    // 61 + 9 * 109 would be 1042.
    assert_eq!(filled, [(7, 61 + 8 * 109)]);
    let partition = queue.id();
    assert_eq!(
        news(&accumulator),
        [Ready::Opened { partition, at }, Ready::Full { partition }]
    );
    assert!(queue.status().open.unwrap().full);
}

#[test]
fn a_waiting_batch_grows_to_its_limit_and_then_the_next_opens() {
    let (accumulator, queue) = queue(|config| {
        config.batch_size = 1000;
        config.batch_size_max = Some(5_000);
    });
    let at = origin();
    let deliveries: Vec<_> = (0..100).map(|n| append(&queue, &[n; 100], at)).collect();
    let status = queue.status();
    assert_eq!((status.ended, status.sealed), (2, 0));
    let mut read = Vec::new();
    let mut batches = Vec::new();
    while encode(&queue) {
        let batch = stamp_next(&queue).unwrap();
        assert!(batch.size() <= 5_000);
        read.extend(values(&batch));
        batches.push(batch);
    }
    assert_eq!(batches.len(), 3);
    assert_eq!(
        read,
        (0..100).map(|n| vec![n; 100]).collect::<Vec<_>>(),
        "order is kept"
    );
    for (n, batch) in batches.into_iter().enumerate() {
        batch.acknowledge(Some(n as i64 * 1000), None);
    }
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.outcome().unwrap().is_ok())
    );
    assert_eq!(accumulator.memory().used(), 0);
    let full = news(&accumulator)
        .iter()
        .filter(|news| matches!(news, Ready::Full { .. }))
        .count();
    assert_eq!(full, 3);
}

#[test]
fn jobs_may_end_in_any_order_and_the_head_leaves_first() {
    let (_accumulator, queue) = queue(|_| {});
    let at = origin();
    let mut jobs = Vec::new();
    for value in [b"a", b"b", b"c"] {
        drop(append(&queue, value, at));
        jobs.push(queue.seal().unwrap());
    }
    assert_eq!(queue.status().sealed, 3);
    let mut scratch = Scratch::new();
    let (a, b, c) = {
        let mut jobs = jobs.into_iter().map(|job| job.run(&mut scratch));
        (jobs.next().unwrap(), jobs.next().unwrap(), jobs.next().unwrap())
    };
    queue.put_encoded(c);
    queue.put_encoded(b);
    assert!(!queue.status().head_encoded);
    assert!(queue.take_encoded(usize::MAX).is_none());
    queue.put_encoded(a);
    let status = queue.status();
    assert!(status.head_encoded && status.encoded == 3);
    assert!(queue.take_encoded(status.head_size - 1).is_none());
    let order: Vec<_> = std::iter::from_fn(|| stamp_next(&queue))
        .flat_map(|batch| values(&batch))
        .collect();
    assert_eq!(order, [b"a", b"b", b"c"]);
}

#[test]
fn a_lost_job_fails_its_records_as_not_written_and_frees_its_place() {
    let (accumulator, queue) = queue(|_| {});
    let lost = append(&queue, b"lost", origin());
    let job = queue.seal().unwrap();
    let kept = append(&queue, b"kept", origin());
    assert!(encode(&queue));
    drop(job);
    let error = lost.outcome().unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.certainty()),
        (DeliveryErrorKind::Abandoned, Certainty::NotWritten)
    );
    let batch = stamp_next(&queue).expect("the next batch is the head now");
    assert_eq!(values(&batch), [b"kept"]);
    batch.acknowledge(Some(0), None);
    assert!(kept.outcome().unwrap().is_ok());
    assert_eq!(accumulator.memory().used(), 0);
    assert!(accumulator.ledger().is_balanced());
}

#[test]
fn unstamped_batches_expire_as_not_written_with_their_records() {
    let (accumulator, queue) = queue(|_| {});
    let start = origin();
    let at = |seconds| start + Duration::from_secs(seconds);
    let encoded = append(&queue, b"encoded", at(0));
    assert!(encode(&queue));
    let out = append(&queue, b"out", at(1));
    let job = queue.seal().unwrap();
    let open = append(&queue, b"open", at(2));
    assert_eq!(
        queue.expire(start - Duration::from_secs(1), timed_out),
        Expired::default()
    );
    assert_eq!(
        queue.expire(at(1), timed_out),
        Expired {
            batches: 2,
            records: 2
        }
    );
    let failed = |delivery: &Delivery| {
        let error = delivery.outcome()?.expect_err("it expired");
        assert_eq!(
            (error.kind(), error.certainty()),
            (DeliveryErrorKind::Timeout, Certainty::NotWritten)
        );
        Some(error.record()?.value.clone().unwrap())
    };
    assert_eq!(failed(&encoded), Some(b"encoded".to_vec()));
    assert!(out.outcome().is_none(), "its job is out");
    queue.put_encoded(job.run(&mut Scratch::new()));
    assert_eq!(failed(&out), Some(b"out".to_vec()));
    assert!(open.outcome().is_none());
    assert_eq!(
        queue.purge(timed_out),
        Expired {
            batches: 1,
            records: 1
        }
    );
    assert_eq!(failed(&open), Some(b"open".to_vec()));
    assert_eq!(queue.status(), QueueStatus::default());
    assert_eq!(
        accumulator.ledger(),
        Ledger {
            accepted: 3,
            failed: 3,
            ..Ledger::default()
        }
    );
    assert_eq!(accumulator.memory().used(), 0);
}

#[test]
fn a_close_hands_records_back_even_if_nobody_kept_their_deliveries() {
    let (accumulator, queue) = queue(|_| {});
    drop(append(&queue, b"one", origin()));
    assert!(encode(&queue));
    drop(append(&queue, b"two", origin()));
    accumulator.close();
    assert_eq!(
        try_append(&queue, b"late", origin()).unwrap_err(),
        AppendError::Closed
    );
    let late_queue = accumulator.queue(&"other".into(), 0);
    assert_eq!(
        try_append(&late_queue, b"late", origin()).unwrap_err(),
        AppendError::Closed
    );
    let _ = queue.purge(|| DeliveryError::not_written(DeliveryErrorKind::Closed));
    let handed_back = accumulator.take_handed_back();
    let records: Vec<_> = handed_back
        .iter()
        .flat_map(|(batch, _)| batch.records())
        .collect();
    let read: Vec<_> = records
        .iter()
        .map(|record| record.value.as_deref().unwrap())
        .collect();
    assert_eq!(read, [b"one", b"two"]);
    assert_eq!((&*records[0].topic, records[0].timestamp), ("t", 1_000));
    assert_eq!(
        accumulator.ledger(),
        Ledger {
            accepted: 2,
            returned: 2,
            ..Ledger::default()
        }
    );
    assert!(accumulator.take_handed_back().is_empty());
}

#[test]
fn all_resolves_when_everything_is_dropped() {
    let (accumulator, queue) = queue(|_| {});
    let mut open = append(&queue, b"open", origin());
    let task = Task::new();
    assert!(task.poll(&mut open).is_pending());
    drop((accumulator, queue));
    assert_eq!(task.woken(), 1);
    let Poll::Ready(Err(error)) = task.poll(&mut open) else {
        panic!("it is resolved")
    };
    assert_eq!(error.certainty(), Certainty::NotWritten);
}

#[rstest]
#[case(0, 61 + 7)]
#[case(100_000, 100_000 + 61 + 11)]
fn a_record_that_no_request_may_carry_is_refused(#[case] value: usize, #[case] size: usize) {
    let accepted = |limit| {
        let (_accumulator, queue) = queue(|config| {
            config.max_request_size = limit;
            config.batch_size = 1000;
        });
        try_append(&queue, &vec![0; value], origin()).map(|appended| appended.bytes)
    };
    let size = size.max(4096);
    if value > 0 {
        assert_eq!(accepted(size), Ok(size - HEADER_SIZE));
        assert_eq!(
            accepted(size - 1),
            Err(AppendError::TooLarge {
                size,
                limit: size - 1
            })
        );
    } else {
        assert_eq!(accepted(size), Ok(7));
    }
}

#[test]
fn without_memory_nothing_changes_and_the_sender_is_told_once() {
    let (accumulator, queue) = queue(|config| config.buffer_memory = 8192);
    let other = accumulator.queue(&"t".into(), 1);
    let _first = append(&queue, &[0; 7000], origin());
    let before = (accumulator.ledger(), accumulator.memory().used(), other.status());
    news(&accumulator);
    for _ in 0..3 {
        let refused = try_append(&other, &[0; 600], origin()).unwrap_err();
        assert_eq!(
            refused,
            AppendError::NeedMemory {
                bytes: 1024,
                wake: false
            }
        );
    }
    assert_eq!(news(&accumulator), [Ready::Starved]);
    assert_eq!(
        (accumulator.ledger(), accumulator.memory().used(), other.status()),
        before
    );
    // There is room in the open batch, so a small record needs no memory.
    let _second = append(&queue, &[0; 600], origin());
    assert_eq!(
        try_append(&queue, &[0; 9000], origin()).unwrap_err(),
        AppendError::TooLarge {
            size: 9072,
            limit: 8192
        }
    );
}

#[test]
fn a_waiter_appends_in_its_turn() {
    let (accumulator, queue) = queue(|config| config.buffer_memory = 8192);
    let other = accumulator.queue(&"t".into(), 1);
    let _first = append(&queue, &[0; 7000], origin());
    let Err(AppendError::NeedMemory { bytes, .. }) = try_append(&other, b"x", origin()) else {
        unreachable!()
    };
    let mut wait = accumulator.memory().wait(bytes);
    let task = Task::new();
    assert!(task.poll(&mut wait).is_pending());
    assert!(encode(&queue));
    stamp_next(&queue).unwrap().acknowledge(Some(0), None);
    assert_eq!(task.woken(), 1);
    let Poll::Ready(mut turn) = task.poll(&mut wait) else {
        panic!("it is its turn")
    };
    let record = Record {
        value: Some(b"x"),
        ..Record::default()
    };
    let _ = accumulator
        .append_in_turn(&mut turn, &other, &record, 0, origin)
        .unwrap();
    drop(turn);
    assert_eq!(accumulator.memory().used(), 512);
}

#[test]
fn a_large_record_waits_for_as_much_as_it_needs() {
    let (accumulator, queue) = queue(|config| config.buffer_memory = 16 * 1024);
    let other = accumulator.queue(&"t".into(), 1);
    drop(append(&queue, &[0; 7000], origin()));
    drop(append(&accumulator.queue(&"t".into(), 2), &[0; 7000], origin()));
    let refused = try_append(&other, &[0; 7000], origin()).unwrap_err();
    assert_eq!(
        refused,
        AppendError::NeedMemory {
            bytes: 8192,
            wake: false
        }
    );
}

#[test]
fn ten_thousand_partitions_of_one_small_record_take_five_megabytes() {
    let (accumulator, _queue) = queue(|_| {});
    let topic = "many".into();
    for partition in 0..10_000 {
        drop(append(&accumulator.queue(&topic, partition), &[0; 100], origin()));
    }
    assert_eq!(accumulator.memory().used(), 10_000 * 512);
}

#[test]
fn a_batch_opens_as_large_as_the_last_ones_became() {
    let (accumulator, queue) = queue(|_| {});
    let fill = |records| {
        for _ in 0..records {
            drop(append(&queue, &[0; 100], origin()));
        }
        encode(&queue);
        stamp_next(&queue).unwrap().acknowledge(None, None);
    };
    fill(140);
    drop(append(&queue, &[0; 100], origin()));
    assert_eq!(accumulator.memory().used(), 16_384);
    encode(&queue);
    stamp_next(&queue).unwrap().acknowledge(None, None);
    fill(1);
    fill(1);
    drop(append(&queue, &[0; 100], origin()));
    assert!(accumulator.memory().used() <= 4096, "it forgets quickly");
}

fn stamped(change: impl FnOnce(&mut Config), count: u8) -> (Arc<Accumulator>, Vec<Delivery>, StampedBatch) {
    let (accumulator, queue) = queue(change);
    let deliveries = (0..count).map(|n| append(&queue, &[n; 50], origin())).collect();
    assert!(encode(&queue));
    let batch = stamp_next(&queue).unwrap();
    (accumulator, deliveries, batch)
}

#[rstest]
fn a_split_batch_keeps_sequences_certainty_and_deliveries(#[values("none", "lz4")] codec: &str) {
    let (accumulator, deliveries, mut batch) =
        stamped(|config| config.compression = codec.parse().unwrap(), 7);
    batch.restamp(Stamp {
        base_sequence: i32::MAX - 1,
        ..STAMP
    });
    batch.note_possibly_written();
    let opened_at = batch.opened_at();
    let parts = batch
        .split_job()
        .expect("it has seven records")
        .run(&mut Scratch::new())
        .parts;
    let facts: Vec<_> = parts
        .iter()
        .map(|part| (part.count(), part.stamp().base_sequence))
        .collect();
    assert_eq!(facts, [(3, i32::MAX - 1), (4, 1)]);
    assert!(
        parts
            .iter()
            .all(|part| part.certainty() == Certainty::PossiblyWritten && part.opened_at() == opened_at)
    );
    let read: Vec<_> = parts.iter().flat_map(values).collect();
    assert_eq!(read, (0..7).map(|n| vec![n; 50]).collect::<Vec<_>>());
    let ledger = accumulator.ledger();
    assert_eq!((ledger.in_flight, ledger.is_balanced()), (7, true));
    let flush = accumulator.begin_flush();
    let [first, second] = <[_; 2]>::try_from(parts).unwrap();
    second.acknowledge(Some(10), None);
    assert!(!accumulator.flush_done(flush));
    first.fail(timed_out());
    assert!(accumulator.flush_done(flush));
    assert_eq!(deliveries[6].outcome().unwrap().unwrap().offset, Some(13));
    let error = deliveries[2].outcome().unwrap().unwrap_err();
    assert_eq!(error.certainty(), Certainty::PossiblyWritten);
    assert_eq!(error.record().unwrap().value.as_deref(), Some(&[2; 50][..]));
    assert_eq!(
        accumulator.ledger(),
        Ledger {
            accepted: 7,
            acknowledged: 4,
            failed: 3,
            ..Ledger::default()
        }
    );
    assert_eq!(accumulator.memory().used(), 0);
}

#[test]
fn a_batch_of_one_record_cannot_be_split() {
    let (_accumulator, deliveries, batch) = stamped(|_| {}, 1);
    let batch = batch.split_job().unwrap_err();
    batch.fail(DeliveryError::not_written(DeliveryErrorKind::TooLarge));
    assert_eq!(
        deliveries[0].outcome().unwrap().unwrap_err().kind(),
        DeliveryErrorKind::TooLarge
    );
}

#[test]
fn a_lost_split_job_fails_what_it_had_with_its_certainty() {
    let (accumulator, deliveries, mut batch) = stamped(|_| {}, 4);
    batch.note_possibly_written();
    drop(batch.split_job().unwrap());
    for delivery in &deliveries {
        assert_eq!(
            delivery.outcome().unwrap().unwrap_err().certainty(),
            Certainty::PossiblyWritten
        );
    }
    assert_eq!((accumulator.memory().used(), accumulator.ledger().failed), (0, 4));
}

#[test]
fn culprits_fail_with_their_own_bytes_and_the_rest_goes_on() {
    let (accumulator, deliveries, batch) = stamped(|_| {}, 6);
    let invalid = DeliveryError::not_written(DeliveryErrorKind::InvalidRecord);
    let job = batch.without_culprits(&[4, 1, 1, 99], invalid.clone()).unwrap();
    let error = deliveries[4].outcome().unwrap().unwrap_err();
    assert_eq!(error.kind(), DeliveryErrorKind::InvalidRecord);
    assert_eq!(error.record().unwrap().value.as_deref(), Some(&[4; 50][..]));
    let [rest] = <[_; 1]>::try_from(job.run(&mut Scratch::new()).parts).unwrap();
    assert_eq!(values(&rest), [[0; 50], [2; 50], [3; 50], [5; 50]]);
    rest.acknowledge(Some(7), None);
    assert_eq!(deliveries[5].outcome().unwrap().unwrap().offset, Some(10));
    assert_eq!(
        accumulator.ledger(),
        Ledger {
            accepted: 6,
            acknowledged: 4,
            failed: 2,
            ..Ledger::default()
        }
    );
    assert_eq!(accumulator.memory().used(), 0);

    let (_accumulator, deliveries, batch) = stamped(|_| {}, 2);
    assert!(batch.without_culprits(&[0, 1], invalid).is_none());
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.outcome().unwrap().is_err())
    );
}

#[test]
fn a_retried_batch_is_byte_identical_and_its_memory_waits_for_the_last_clone() {
    let (accumulator, _deliveries, batch) = stamped(|_| {}, 3);
    let (first, second) = (batch.record_set(), batch.record_set());
    assert_eq!(first, second);
    batch.acknowledge(Some(0), None);
    drop(first);
    assert!(accumulator.memory().used() > 0);
    drop(second);
    assert_eq!(accumulator.memory().used(), 0);
}

#[rstest]
fn compressed_batches_hold_only_what_they_are_compressed_to(
    #[values("gzip", "snappy", "lz4", "zstd")] codec: &str,
) {
    let (accumulator, queue) = queue(|config| config.compression = codec.parse().unwrap());
    for _ in 0..100 {
        drop(append(&queue, &[b'x'; 100], origin()));
    }
    assert_eq!(accumulator.memory().used(), 16_384);
    let job = queue.seal().unwrap();
    assert!(!job.is_trivial());
    queue.put_encoded(job.run(&mut Scratch::new()));
    let head = queue.status().head_size;
    assert!(head < 2_000);
    assert_eq!(accumulator.memory().used(), head - HEADER_SIZE);
    let batch = stamp_next(&queue).unwrap();
    assert_eq!(values(&batch), vec![vec![b'x'; 100]; 100]);
    batch.acknowledge(None, None);
    assert_eq!(accumulator.memory().used(), 0);
}

#[test]
fn a_flush_counts_what_was_accepted_before_it() {
    let (accumulator, queue) = queue(|_| {});
    let _before = append(&queue, b"before", origin());
    let flush = accumulator.begin_flush();
    assert!(!accumulator.flush_done(flush));
    assert!(encode(&queue));
    let _after = append(&queue, b"after", origin());
    stamp_next(&queue).unwrap().acknowledge(Some(0), None);
    assert!(accumulator.flush_done(flush));
    let flushed = accumulator.end_flush(flush);
    assert_eq!((flushed.acknowledged, flushed.failed), (1, 0));
}

/// Threads append while one seals, encodes, takes, and resolves in every way: at each look the ledger balances, the
/// budget is kept, and in the end every delivery is resolved, in order within its thread, and all memory is back.
#[test]
fn the_ledger_balances_at_every_moment_under_concurrent_senders() {
    const THREADS: usize = 4;
    const RECORDS: usize = 4_000;
    let (accumulator, queue) = queue(|config| {
        config.batch_size = 2_000;
        config.batch_size_max = Some(6_000);
        config.buffer_memory = 64 * 1024;
        config.compression = "lz4".parse().unwrap();
    });
    let topic: Arc<str> = "t".into();
    let queues = [queue, accumulator.queue(&topic, 1), accumulator.queue(&topic, 2)];
    let sending = AtomicU64::new(THREADS as u64);
    let watching = AtomicBool::new(true);
    let deliveries = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..THREADS)
            .map(|n| {
                let (accumulator, queues, sending) = (&accumulator, &queues, &sending);
                scope.spawn(move || {
                    let task = Task::new();
                    let mut deliveries = Vec::new();
                    for round in 0..RECORDS {
                        let value = [round as u8; 90];
                        let record = Record {
                            value: Some(&value[..1 + round % 90]),
                            ..Record::default()
                        };
                        let queue = &queues[(round / 50 + n) % queues.len()];
                        let mut appended = queue.append(&record, 0, None, origin);
                        while let Err(AppendError::NeedMemory { bytes, .. }) = appended {
                            let mut wait = accumulator.memory().wait(bytes);
                            let mut turn = loop {
                                match task.poll(&mut wait) {
                                    Poll::Ready(turn) => break turn,
                                    Poll::Pending => std::thread::yield_now(),
                                }
                            };
                            appended = queue.append(&record, 0, Some(&mut turn), origin);
                        }
                        deliveries.push(appended.expect("it is not closed").delivery);
                    }
                    sending.fetch_sub(1, Ordering::SeqCst);
                    deliveries
                })
            })
            .collect();
        scope.spawn(|| {
            while watching.load(Ordering::SeqCst) {
                let ledger = accumulator.ledger();
                assert!(ledger.is_balanced(), "{ledger:?}");
                let memory = accumulator.memory();
                // A split may overdraw by two parts; there is one at a time. The two numbers are read apart.
                assert!(memory.used() <= memory.limit() + 2 * 8192 && memory.idle() <= memory.limit());
                std::thread::yield_now();
            }
        });
        let mut scratch = Scratch::new();
        let mut round = 0;
        loop {
            let last = sending.load(Ordering::SeqCst) == 0;
            for queue in &queues {
                resolve_some(queue, &mut scratch, &mut round);
            }
            accumulator.memory().relieve();
            if last && accumulator.ledger().unresolved() == 0 {
                break;
            }
        }
        watching.store(false, Ordering::SeqCst);
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect::<Vec<_>>()
    });
    let outcomes: Vec<_> = deliveries
        .iter()
        .flatten()
        .map(|delivery| delivery.outcome().expect("resolved"))
        .collect();
    assert_eq!(outcomes.len(), THREADS * RECORDS);
    let ledger = accumulator.ledger();
    assert_eq!(ledger.accepted, (THREADS * RECORDS) as u64);
    assert_eq!(
        ledger.acknowledged,
        outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64
    );
    assert!(ledger.failed > 0 && ledger.returned > 0 && ledger.is_balanced());
    drop(accumulator.take_handed_back());
    assert_eq!(accumulator.memory().used(), 0);
    let flush = accumulator.begin_flush();
    assert!(accumulator.flush_done(flush));
}

fn resolve_some(queue: &Arc<PartitionQueue>, scratch: &mut Scratch, round: &mut u64) {
    let jobs: Vec<_> = std::iter::from_fn(|| queue.seal()).take(3).collect();
    for job in jobs.into_iter().rev() {
        *round += 1;
        match *round % 17 {
            0 => drop(job),
            1 => {
                let _ = queue.purge(|| DeliveryError::not_written(DeliveryErrorKind::Closed));
                queue.put_encoded(job.run(scratch));
            }
            _ => queue.put_encoded(job.run(scratch)),
        }
    }
    while let Some(mut batch) = stamp_next(queue) {
        *round += 1;
        match *round % 7 {
            0 => drop(batch),
            1 => {
                batch.note_possibly_written();
                batch.fail(timed_out());
            }
            2 => match batch.split_job() {
                Ok(job) => job
                    .run(scratch)
                    .parts
                    .into_iter()
                    .for_each(|part| part.acknowledge(Some(0), None)),
                Err(batch) => batch.acknowledge(Some(0), None),
            },
            3 => {
                let job = batch.without_culprits(&[0], timed_out());
                let rest = job.into_iter().flat_map(|job| job.run(scratch).parts);
                rest.for_each(|rest| rest.acknowledge(Some(1), None));
            }
            _ => batch.acknowledge(Some(0), None),
        }
    }
}
