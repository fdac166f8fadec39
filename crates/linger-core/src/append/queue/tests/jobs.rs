//! Encode jobs, and the batches that come of them.

use std::time::Duration;

use linger_protocol::records::{BatchView, HEADER_SIZE, Header, Record, Scratch};
use rstest::rstest;

use super::{append, encode, failure, stamp_next, timed_out, values};
use crate::append::queue::head::Head;
use crate::error::{Certainty, DeliveryErrorKind};
use crate::testing::{origin, queue};

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
    assert!(stamp_next(&queue).is_none());
    queue.put_encoded(a);
    let status = queue.status();
    assert!(status.head_encoded && status.encoded == 3);
    let too_small = queue.take_head(status.head_size - 1, |_| true, &mut scratch);
    assert!(matches!(too_small.head, Head::TooLarge));
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
    let error = failure(&lost);
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
