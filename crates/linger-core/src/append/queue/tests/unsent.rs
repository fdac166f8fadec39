//! Records that end without having been stamped.

use std::task::Poll;
use std::time::Duration;

use linger_protocol::records::{Header, Record, Scratch};

use super::{append, encode, timed_out, try_append};
use crate::append::appended::AppendError;
use crate::append::delivery::Delivery;
use crate::append::ledger::Ledger;
use crate::append::queue::{Expired, QueueStatus};
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};
use crate::testing::{Task, origin, queue};

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
fn a_record_is_handed_back_with_its_key_value_and_headers() {
    let (accumulator, queue) = queue(|_| {});
    let header = |key, value| Header { key, value };
    let headers = [
        header("h\u{fffd}", Some(&b"1"[..])),
        header("", None),
        header("h", Some(b"")),
    ];
    let record = Record {
        key: Some(b"k"),
        value: None,
        headers: &headers,
    };
    let _ = queue.append(&record, 5, None, origin).unwrap();
    let _ = queue.purge(|| DeliveryError::not_written(DeliveryErrorKind::Closed));
    let handed_back = accumulator.take_handed_back();
    let [(batch, _)] = &handed_back[..] else {
        panic!("one batch is handed back")
    };
    let [record] = batch.records() else {
        panic!("the batch has one record")
    };
    assert_eq!(
        (record.key.as_deref(), record.value.as_deref()),
        (Some(&b"k"[..]), None)
    );
    let read: Vec<_> = record
        .headers
        .iter()
        .map(|(key, value)| (&key[..], value.as_deref()))
        .collect();
    let sent: Vec<_> = headers
        .iter()
        .map(|header| (header.key.as_bytes(), header.value))
        .collect();
    assert_eq!(read, sent);
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
