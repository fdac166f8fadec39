//! What a request holds, how many are out, and answers that are none.

use crate::append::doorbell::Sleep;
use crate::config::Acks;
use crate::error::Certainty::NotWritten;
use crate::ids::RequestId;
use crate::send::sender::harness::{
    Harness, LINGER, Produced, Sent, TOPIC, code, failure, idempotent, is_open, offset, ok, open,
};

#[test]
fn one_request_groups_every_ready_partition_of_its_broker() {
    let mut harness = idempotent();
    for partition in 0..4 {
        drop(harness.append(partition, b"x"));
    }
    harness.advance(LINGER);
    let sent = harness.take();
    assert_eq!(sent.partitions(), [0, 1, 2, 3]);
    harness.assert_idle();
    harness.reply(&sent, |_| ok());
    assert_eq!(harness.accumulator.ledger().acknowledged, 4);
}

#[test]
fn a_request_stays_within_max_request_size_and_rotates() {
    let mut harness = Harness::ready(|config| {
        config.max_request_size = 10_000;
        config.batch_size = 4_000;
        config.max_in_flight = 1;
    });
    for partition in 0..4 {
        drop(harness.append(partition, &[1; 3_950]));
    }
    harness.advance(LINGER);
    let first = harness.accept();
    assert_eq!(first.partitions(), [0, 1]);
    let second = harness.accept();
    assert_eq!(second.partitions(), [2, 3]);
    harness.assert_idle();
}

#[test]
fn sequences_count_records_and_five_are_in_flight_after_a_success() {
    let mut harness = idempotent();
    drop(harness.append(0, b"a"));
    drop(harness.append(0, b"b"));
    harness.advance(LINGER);
    let first = harness.take();
    assert_eq!(first.only(), (0, 0, 2));
    drop(harness.send(0));
    harness.assert_idle();
    harness.reply(&first, |_| ok());
    harness.all_acknowledge_at_once();
    let mut sent = vec![harness.take()];
    for _ in 0..6 {
        drop(harness.send(0));
    }
    sent.extend(harness.take_all());
    let sequences: Vec<_> = sent.iter().map(|sent| sent.only()).collect();
    assert_eq!(sequences, [(0, 2, 1), (0, 3, 1), (0, 4, 1), (0, 5, 1), (0, 6, 1)]);
    assert_eq!(harness.sleep_kind(), Sleep::WindowFull);
    for produced in &sent {
        harness.reply(produced, |_| ok());
    }
    assert_eq!(harness.accept().only(), (0, 7, 2), "what waited is one batch");
}

#[test]
fn before_the_first_producer_id_is_known_full_batches_wake_nobody() {
    let mut harness = Harness::new(|_| {});
    harness.answer_ids = false;
    harness.want(TOPIC);
    drop(harness.send(0));
    assert_eq!(harness.sleep_kind(), Sleep::WindowFull);
    harness.assert_idle();
    // Appended while the sender sleeps: it learns of the batch when the id comes.
    drop(harness.append(1, b"unseen"));
    harness.answer_ids();
    harness.advance(LINGER);
    let partitions: Vec<_> = harness.take_all().iter().flat_map(Produced::partitions).collect();
    assert_eq!(partitions, [0, 1]);
}

#[test]
fn at_most_five_batches_are_stamped_from_the_oldest_unresolved_one_on() {
    let mut harness = open();
    let oldest = harness.send(0);
    let mut followers = std::collections::BTreeSet::new();
    // The broker has appended it, and says again and again that its followers are late; what comes
    // after succeeds.
    for _ in 0..20 {
        drop(harness.append(0, b"later"));
        harness.advance(LINGER);
        for sent in harness.take_all() {
            let oldest = |batch: &Sent| batch.sequence == 1;
            followers.extend(
                sent.batches
                    .iter()
                    .filter(|batch| !oldest(batch))
                    .map(|batch| batch.sequence),
            );
            let is_oldest = sent.batches.iter().any(oldest);
            harness.reply(&sent, |_| if is_oldest { code(7) } else { ok() });
        }
    }
    assert!(is_open(&oldest));
    assert_eq!(followers.len(), 4, "a broker remembers five: {followers:?}");
}

#[test]
fn written_requests_are_reported_by_their_number() {
    let mut harness = open();
    harness.writes = false;
    drop(harness.send(0));
    drop(harness.send(0));
    drop(harness.send(0));
    assert_eq!(
        harness.produced.len(),
        2,
        "with two requests not even written, a third waits"
    );
    let first = harness.take();
    harness
        .sender
        .handle_written(first.connection, RequestId(first.id.0 + 1), harness.now);
    harness.run();
    assert_eq!(harness.produced.len(), 2);
}

#[test]
fn without_acks_a_record_is_done_when_it_is_written() {
    let mut harness = Harness::ready(|config| {
        config.acks = Acks::None;
        config.enable_idempotence = false;
    });
    harness.writes = false;
    let first = harness.send(0);
    let second = harness.send(0);
    let (one, two) = (harness.take(), harness.take());
    assert!(is_open(&first));
    harness.sender.handle_written(one.connection, one.id, harness.now);
    harness.run();
    assert_eq!(offset(&first), None);
    assert!(is_open(&second));
    harness.cut(two.connection, None);
    harness.run();
    assert_eq!(failure(&second).1, NotWritten);
}

#[test]
fn a_throttled_broker_is_left_alone_and_gets_more_time() {
    let mut harness = open();
    drop(harness.send(0));
    drop(harness.send(0));
    let (one, two) = (harness.take(), harness.take());
    harness.reply_with(&one, |_| ok(), |response| response.throttle_time_ms = 3_000);
    drop(harness.send(0));
    harness.advance_ms(2_900);
    harness.assert_idle();
    harness.advance_ms(200);
    let three = harness.take();
    harness.advance_ms(28_000);
    assert!(
        harness.live.contains_key(&two.connection),
        "an unanswered request has as much more time"
    );
    harness.reply(&two, |_| ok());
    harness.reply(&three, |_| ok());
}

#[test]
fn an_answer_that_leaves_out_repeats_or_adds_a_partition_ends_the_connection() {
    for spoil in [
        (|responses| responses.clear()) as fn(&mut Vec<linger_protocol::messages::PartitionProduceResponse>),
        |responses| responses.push(responses[0].clone()),
        |responses| responses[0].index = 3,
        |responses| responses[0].index = 77,
    ] {
        let mut harness = idempotent();
        let delivery = harness.send(0);
        let sent = harness.take();
        harness.reply_with(
            &sent,
            |_| ok(),
            |response| spoil(&mut response.responses[0].partition_responses),
        );
        assert!(!harness.live.contains_key(&sent.connection));
        assert!(is_open(&delivery));
        harness.advance_ms(500);
        let again = harness.accept();
        assert_eq!(again.batches, sent.batches);
        assert_eq!(offset(&delivery), Some(100));
    }
}

#[test]
fn an_answer_to_another_request_ends_the_connection() {
    let mut harness = open();
    drop(harness.send(0));
    drop(harness.send(0));
    let (one, two) = (harness.take(), harness.take());
    harness.reply(&two, |_| ok());
    assert!(!harness.live.contains_key(&one.connection));
}
