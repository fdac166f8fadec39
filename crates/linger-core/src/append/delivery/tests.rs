use std::sync::Arc;

use super::*;
use crate::append::account::Account;
use crate::append::completer::Completer;
use crate::append::shared::Shared;
use crate::error::{Certainty, DeliveryErrorKind};
use crate::testing::{Task, config};

const COUNT: u32 = 10;

fn batch() -> (Completer, Vec<Delivery>) {
    let shared = Arc::new(Shared::new(config(|_| {})));
    let account = Arc::new(Account::new("t".into(), 0, shared.clone()));
    let mut completer = Completer::new(account, shared.flushes.enter());
    completer.seal(COUNT);
    let delivery = |index| Delivery::new(completer.give(), index, 1000 + i64::from(index));
    let deliveries = (0..COUNT).map(delivery).collect();
    (completer, deliveries)
}

fn wakers(delivery: &Delivery) -> usize {
    let completion = delivery.completion.as_ref();
    completion.expect("it has not resolved").wakers()
}

fn offsets(deliveries: &[Delivery]) -> Vec<Option<Result<Option<i64>, DeliveryErrorKind>>> {
    let read = |result: Result<RecordMetadata, DeliveryError>| {
        result
            .map(|metadata| metadata.offset)
            .map_err(|error| error.kind())
    };
    deliveries
        .iter()
        .map(|delivery| delivery.outcome().map(read))
        .collect()
}

#[test]
fn offsets_count_from_the_base_and_timestamps_are_the_records() {
    let (completer, deliveries) = batch();
    completer.acknowledge(Some(500), None);
    let last = deliveries[9].outcome().unwrap().unwrap();
    assert_eq!(
        (last.offset, last.timestamp, &*last.topic, last.partition),
        (Some(509), 1009, "t", 0)
    );
}

#[test]
fn a_brokers_timestamp_replaces_the_records() {
    let (completer, deliveries) = batch();
    completer.acknowledge(None, Some(77));
    let metadata = deliveries[3].outcome().unwrap().unwrap();
    assert_eq!((metadata.offset, metadata.timestamp), (None, 77));
}

#[test]
fn a_dropped_completer_fails_with_the_certainty_it_carries() {
    for certain in [Certainty::NotWritten, Certainty::PossiblyWritten] {
        let (mut completer, mut deliveries) = batch();
        if certain == Certainty::PossiblyWritten {
            completer.note_possibly_written();
        }
        let task = Task::new();
        assert!(task.poll(&mut deliveries[0]).is_pending());
        drop(completer);
        assert_eq!(task.woken(), 1);
        let error = deliveries[9].outcome().unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.certainty()),
            (DeliveryErrorKind::Abandoned, certain)
        );
    }
}

#[test]
fn a_failure_is_no_more_certain_than_its_batch() {
    let (mut completer, deliveries) = batch();
    completer.note_possibly_written();
    completer.fail(DeliveryError::not_written(DeliveryErrorKind::Refused), None);
    assert_eq!(
        deliveries[0].outcome().unwrap().unwrap_err().certainty(),
        Certainty::PossiblyWritten
    );
}

#[test]
fn parts_of_a_split_batch_resolve_apart() {
    let (mut completer, mut deliveries) = batch();
    let mut rest = completer.split_off(4);
    let last = rest.split_off(3);
    assert_eq!((completer.count(), rest.count(), last.count()), (4, 3, 3));
    let task = Task::new();
    for delivery in &mut deliveries {
        assert!(task.poll(delivery).is_pending());
    }
    last.acknowledge(Some(100), None);
    assert_eq!(task.woken(), 1);
    assert!(deliveries[6].outcome().is_none());
    assert_eq!(deliveries[7].outcome().unwrap().unwrap().offset, Some(100));
    completer.acknowledge(Some(0), None);
    rest.fail(DeliveryError::not_written(DeliveryErrorKind::Refused), None);
    let expected: Vec<_> = (0..4)
        .map(|offset| Some(Ok(Some(offset))))
        .chain([const { Some(Err(DeliveryErrorKind::Refused)) }; 3])
        .chain((100..103).map(|offset| Some(Ok(Some(offset)))))
        .collect();
    assert_eq!(offsets(&deliveries), expected);
}

#[test]
fn culprits_are_not_counted_in_the_offsets_of_the_rest() {
    let (mut completer, deliveries) = batch();
    let culprits = completer.take_out(&[0, 3, 4, 9]);
    assert_eq!((completer.count(), culprits.count()), (6, 4));
    culprits.fail(DeliveryError::not_written(DeliveryErrorKind::InvalidRecord), None);
    // The rest is split once more, in the middle of what the first culprits left.
    let tail = completer.split_off(3);
    completer.acknowledge(Some(10), None);
    tail.acknowledge(Some(20), None);
    let bad = Some(Err(DeliveryErrorKind::InvalidRecord));
    let good = |offset| Some(Ok(Some(offset)));
    assert_eq!(
        offsets(&deliveries),
        [
            bad,
            good(10),
            good(11),
            bad,
            bad,
            good(12),
            good(20),
            good(21),
            good(22),
            bad
        ]
    );
}

#[test]
fn a_task_registers_once_per_batch_however_many_it_awaits() {
    let (completer, mut deliveries) = batch();
    let task = Task::new();
    for _ in 0..3 {
        for delivery in &mut deliveries {
            assert!(task.poll(delivery).is_pending());
        }
    }
    assert_eq!(wakers(&deliveries[0]), 1);
    completer.acknowledge(Some(0), None);
    assert_eq!(task.woken(), 1);
}

#[test]
fn a_delivery_that_moves_to_another_task_wakes_that_one_and_the_first_is_not_forgotten() {
    let (completer, mut deliveries) = batch();
    let (first, second) = (Task::new(), Task::new());
    let [a, b, ..] = &mut deliveries[..] else {
        unreachable!()
    };
    assert!(first.poll(a).is_pending());
    assert!(first.poll(b).is_pending());
    assert!(second.poll(b).is_pending());
    assert!(second.poll(b).is_pending());
    completer.acknowledge(Some(0), None);
    assert_eq!((first.woken(), second.woken()), (1, 1));
}

#[test]
fn a_delivery_polled_by_ever_new_tasks_keeps_one_waker() {
    let (completer, mut deliveries) = batch();
    let tasks: Vec<_> = (0..100).map(|_| Task::new()).collect();
    for task in &tasks {
        assert!(task.poll(&mut deliveries[0]).is_pending());
    }
    assert_eq!(wakers(&deliveries[0]), 1);
    completer.acknowledge(Some(0), None);
    assert_eq!(tasks[99].woken(), 1);
}

#[test]
fn wakers_survive_the_resolution_of_another_part() {
    let (mut completer, mut deliveries) = batch();
    let rest = completer.split_off(5);
    let tasks: Vec<_> = (0..10).map(|_| Task::new()).collect();
    for (task, delivery) in tasks.iter().zip(&mut deliveries) {
        assert!(task.poll(delivery).is_pending());
    }
    completer.acknowledge(Some(0), None);
    // The others are woken in vain and register anew, in another order.
    for (task, delivery) in tasks.iter().zip(&mut deliveries).skip(5).rev() {
        assert!(task.poll(delivery).is_pending());
    }
    rest.acknowledge(Some(5), None);
    assert!(tasks[5..].iter().all(|task| task.woken() == 2));
}
