//! Batches that are encoded anew: in halves, or without the records that were refused.

use linger_protocol::records::{Scratch, Stamp};
use rstest::rstest;

use super::{STAMP, failure, stamped, timed_out, values};
use crate::append::ledger::Ledger;
use crate::error::{Certainty, DeliveryError, DeliveryErrorKind};

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
    let error = failure(&deliveries[2]);
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
    assert_eq!(failure(&deliveries[0]).kind(), DeliveryErrorKind::TooLarge);
}

#[test]
fn a_lost_split_job_fails_what_it_had_with_its_certainty() {
    let (accumulator, deliveries, mut batch) = stamped(|_| {}, 4);
    batch.note_possibly_written();
    drop(batch.split_job().unwrap());
    for delivery in &deliveries {
        assert_eq!(failure(delivery).certainty(), Certainty::PossiblyWritten);
    }
    assert_eq!((accumulator.memory().used(), accumulator.ledger().failed), (0, 4));
}

#[test]
fn culprits_fail_with_their_own_bytes_and_the_rest_goes_on() {
    let (accumulator, deliveries, batch) = stamped(|_| {}, 6);
    let invalid = DeliveryError::not_written(DeliveryErrorKind::InvalidRecord);
    let job = batch.without_culprits(&[4, 1, 1, 99], invalid.clone()).unwrap();
    let error = failure(&deliveries[4]);
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
