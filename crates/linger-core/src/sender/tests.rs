//! The sender as a whole, case by case of the tables in docs/architecture.md.

use std::time::Duration;

use linger_protocol::ErrorCode;
use linger_protocol::records::Compression;

use super::rig::{Answer, Produced, Rig, TOPIC, code, failure, is_open, offset, ok};
use crate::config::Acks;
use crate::doorbell::Sleep;
use crate::error::Certainty::{NotWritten, PossiblyWritten};
use crate::error::DeliveryErrorKind as Kind;
use crate::ids::RequestId;

const LINGER: Duration = Duration::from_millis(5);

fn idempotent() -> Rig {
    Rig::ready(|_| {})
}

fn plain() -> Rig {
    Rig::ready(|config| config.enable_idempotence = false)
}

/// A rig whose partition 0 has had its first success, so that up to five batches may be out.
fn open() -> Rig {
    let mut rig = idempotent();
    drop(rig.send(0));
    rig.accept();
    rig
}

#[test]
fn a_record_goes_all_the_way() {
    let mut rig = idempotent();
    let delivery = rig.append(0, b"hello");
    rig.run();
    rig.assert_idle();
    assert_eq!(rig.sender.poll_timeout(), Some(rig.now + LINGER));
    rig.advance(LINGER);
    let sent = rig.take();
    assert_eq!((sent.broker, sent.version), (0, 12));
    assert_eq!(sent.only(), (0, 0, 1));
    assert_eq!(sent.batches[0].producer_id, 1001);
    assert!(is_open(&delivery));
    rig.reply(&sent, |_| ok());
    assert_eq!(offset(&delivery), Some(100));
    assert_eq!(rig.accumulator.memory().used(), 0);
}

#[test]
fn bring_up_asks_once_and_leaves_the_bootstrap_address() {
    let mut rig = Rig::new(|_| {});
    rig.run();
    assert!(rig.dials.is_empty(), "nothing is dialled before it is needed");
    rig.sender.handle_start(rig.now);
    rig.run();
    assert_eq!(rig.view.as_ref().map(|view| view.brokers().len()), Some(3));
    rig.want(TOPIC);
    assert_eq!(
        rig.view
            .as_ref()
            .and_then(|view| Some(view.topic(TOPIC)?.available.len())),
        Some(4)
    );
    drop(rig.send(0));
    rig.accept();
    assert_eq!(rig.ids_asked, 1);
    assert!(!rig.live.values().any(|port| *port == 0), "{:?}", rig.live);
    rig.advance_ms(60_000);
    assert_eq!(rig.metadata_asked, 2);
    rig.advance_ms(300_000);
    assert!((3..=4).contains(&rig.metadata_asked), "{}", rig.metadata_asked);
}

#[test]
fn a_broker_that_was_forgotten_and_comes_back_is_sent_to_again() {
    let mut rig = idempotent();
    let lost = rig.send(0);
    rig.dead_ports = vec![9001];
    rig.lose();
    rig.advance(rig.config.delivery_timeout);
    assert_eq!(failure(&lost), (Kind::Timeout, PossiblyWritten));
    let leads = |rig: &mut Rig, brokers: &[i32], leader: i32, epoch: i32| {
        rig.brokers = brokers.to_vec();
        rig.topics.get_mut(TOPIC).expect("the rig's topic").partitions[0] = (leader, epoch);
        rig.refresh();
    };
    leads(&mut rig, &[1, 2], 1, 5);
    rig.advance(rig.config.socket_connection_setup_timeout);
    leads(&mut rig, &[1, 2], 1, 5);
    rig.dead_ports.clear();
    leads(&mut rig, &[0, 1, 2], 0, 6);
    let next = rig.send(0);
    rig.accept();
    assert!(offset(&next).is_some());
}

#[test]
fn at_most_five_batches_are_stamped_from_the_oldest_unresolved_one_on() {
    let mut rig = open();
    let oldest = rig.send(0);
    let mut followers = std::collections::BTreeSet::new();
    // The broker has appended it, and says again and again that its followers are late; what comes after succeeds.
    for _ in 0..20 {
        drop(rig.append(0, b"later"));
        rig.advance(LINGER);
        for sent in std::mem::take(&mut rig.produced) {
            let oldest = |batch: &super::rig::Sent| batch.sequence == 1;
            followers.extend(
                sent.batches
                    .iter()
                    .filter(|batch| !oldest(batch))
                    .map(|batch| batch.sequence),
            );
            let is_oldest = sent.batches.iter().any(oldest);
            rig.reply(&sent, |_| if is_oldest { code(7) } else { ok() });
        }
    }
    assert!(is_open(&oldest));
    assert_eq!(followers.len(), 4, "a broker remembers five: {followers:?}");
}

#[test]
fn without_linger_a_record_leaves_at_once() {
    let mut rig = Rig::ready(|config| config.linger = Duration::ZERO);
    drop(rig.append(0, b"a"));
    rig.run();
    assert_eq!(rig.take().only().2, 1);
    drop(rig.append(0, b"b"));
    drop(rig.append(0, b"c"));
    rig.run();
    rig.assert_idle();
}

#[test]
fn without_linger_a_record_leaves_though_its_clock_is_ahead() {
    let mut rig = Rig::ready(|config| config.linger = Duration::ZERO);
    // Appended after the driver read its clock, before it took the news.
    let turn = rig.now;
    rig.now += Duration::from_micros(1);
    drop(rig.append(0, b"a"));
    rig.now = turn;
    rig.run();
    assert_eq!(rig.take().only().2, 1);
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut rig = Rig::ready(|config| config.batch_size = 300);
    drop(rig.append(0, &[0; 100]));
    rig.run();
    rig.assert_idle();
    drop(rig.append(0, &[0; 100]));
    rig.run();
    assert_eq!(rig.take().only().2, 2);
}

#[test]
fn a_batch_that_cannot_leave_keeps_growing() {
    let mut rig = idempotent();
    drop(rig.send(0));
    let first = rig.take();
    for _ in 0..2000 {
        drop(rig.append(0, &[7; 100]));
    }
    rig.advance_ms(100);
    rig.assert_idle();
    rig.reply(&first, |_| ok());
    let second = rig.take();
    assert_eq!(second.only(), (0, 1, 2000), "one batch far above batch.size");
}

#[test]
fn batches_of_several_partitions_grow_less_far_than_one_alone() {
    let largest = |partitions: i32, change: fn(&mut crate::config::Config)| {
        let mut rig = Rig::ready(change);
        (0..partitions).for_each(|partition| drop(rig.append(partition, b"first")));
        rig.advance(LINGER);
        let first = rig.take();
        for _ in 0..6_000 {
            (0..partitions).for_each(|partition| drop(rig.append(partition, &[7; 100])));
        }
        rig.advance_ms(100);
        rig.reply(&first, |_| ok());
        let mut batches = Vec::new();
        while let Some(sent) = rig.produced.front().cloned() {
            let bytes: usize = sent.batches.iter().map(|batch| batch.bytes.len()).sum();
            assert!(sent.batches.len() == 1 || bytes <= 480 * 1024, "{bytes} bytes");
            batches.extend(sent.batches.iter().map(|batch| batch.bytes.len()));
            rig.accept();
        }
        batches.into_iter().max().unwrap_or(0)
    };
    assert!(largest(1, |_| {}) > 600_000);
    let together = largest(4, |_| {});
    assert!((60_000..=65_536).contains(&together), "{together}");
    let asked = largest(4, |config| config.batch_size_max = Some(200_000));
    assert!((190_000..=200_000).contains(&asked), "{asked}");
}

#[test]
fn a_batch_behind_one_that_could_not_grow_keeps_its_linger() {
    let mut rig = Rig::ready(|config| {
        config.batch_size = 300;
        config.batch_size_max = Some(300);
    });
    drop(rig.append(0, &[0; 100]));
    drop(rig.append(0, &[0; 100]));
    let behind = rig.append(0, &[0; 100]);
    rig.advance_ms(1);
    assert_eq!(rig.accept().only().2, 2, "what is full does not linger");
    assert!(is_open(&behind));
    rig.advance(LINGER);
    assert_eq!(rig.accept().only().2, 1);
}

#[test]
fn one_request_groups_every_ready_partition_of_its_broker() {
    let mut rig = idempotent();
    for partition in 0..4 {
        drop(rig.append(partition, b"x"));
    }
    rig.advance(LINGER);
    let sent = rig.take();
    assert_eq!(sent.partitions(), [0, 1, 2, 3]);
    rig.assert_idle();
    rig.reply(&sent, |_| ok());
    assert_eq!(rig.accumulator.ledger().acknowledged, 4);
}

#[test]
fn a_request_stays_within_max_request_size_and_rotates() {
    let mut rig = Rig::ready(|config| {
        config.max_request_size = 10_000;
        config.batch_size = 4_000;
        config.max_in_flight = 1;
    });
    for partition in 0..4 {
        drop(rig.append(partition, &[1; 3_950]));
    }
    rig.advance(LINGER);
    let first = rig.accept();
    assert_eq!(first.partitions(), [0, 1]);
    let second = rig.accept();
    assert_eq!(second.partitions(), [2, 3]);
    rig.assert_idle();
}

#[test]
fn sequences_count_records_and_five_are_in_flight_after_a_success() {
    let mut rig = idempotent();
    drop(rig.append(0, b"a"));
    drop(rig.append(0, b"b"));
    rig.advance(LINGER);
    let first = rig.take();
    assert_eq!(first.only(), (0, 0, 2));
    drop(rig.send(0));
    rig.assert_idle();
    rig.reply(&first, |_| ok());
    let mut sent = vec![rig.take()];
    for _ in 0..6 {
        drop(rig.send(0));
    }
    sent.extend(std::mem::take(&mut rig.produced));
    let sequences: Vec<_> = sent.iter().map(|sent| sent.only()).collect();
    assert_eq!(sequences, [(0, 2, 1), (0, 3, 1), (0, 4, 1), (0, 5, 1), (0, 6, 1)]);
    assert_eq!(rig.sender.sleep_kind(), Sleep::WindowFull);
    for produced in &sent {
        rig.reply(produced, |_| ok());
    }
    assert_eq!(rig.accept().only(), (0, 7, 2), "what waited is one batch");
}

#[test]
fn full_batches_behind_an_unanswered_request_gather_until_their_linger_has_passed() {
    let mut rig = Rig::ready(|config| config.batch_size = 100);
    drop(rig.send(0));
    rig.run();
    rig.accept();
    // One request is out: a full batch waits for company, though not beyond its linger.
    drop(rig.send(0));
    let first = rig.take();
    drop(rig.append(1, &[b'x'; 200]));
    rig.run();
    rig.assert_idle();
    rig.advance(LINGER);
    let second = rig.take();
    assert_eq!(second.partitions(), [1]);
    rig.reply(&first, |_| ok());
    rig.reply(&second, |_| ok());
    // With nothing unanswered a full batch leaves at once.
    drop(rig.append(0, &[b'x'; 200]));
    rig.run();
    assert_eq!(rig.accept().partitions(), [0]);
}

#[test]
fn a_retriable_refusal_is_sent_again_with_the_same_bytes_after_a_backoff() {
    let mut rig = idempotent();
    let delivery = rig.send(0);
    let first = rig.refuse(19);
    rig.advance_ms(79);
    rig.assert_idle();
    rig.advance_ms(60);
    let again = rig.accept();
    assert_eq!(again.batches, first.batches);
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn successors_of_a_refused_head_wait_for_it_and_order_is_kept() {
    let mut rig = open();
    for _ in 0..3 {
        drop(rig.send(0));
    }
    let all: Vec<_> = std::mem::take(&mut rig.produced).into();
    rig.reply(&all[0], |_| code(19));
    rig.reply(&all[1], |_| code(45));
    rig.reply(&all[2], |_| code(45));
    rig.advance_ms(150);
    let head = rig.take();
    assert_eq!(head.batches, all[0].batches);
    rig.assert_idle();
    rig.reply(&head, |_| ok());
    assert_eq!(rig.accept().batches, all[1].batches);
    assert_eq!(rig.accept().batches, all[2].batches);
    assert_eq!(rig.accumulator.ledger().acknowledged, 4);
}

#[test]
fn a_lost_answer_is_retried_in_order_with_the_same_stamps() {
    let mut rig = open();
    let deliveries: Vec<_> = (0..3).map(|_| rig.send(0)).collect();
    let all: Vec<_> = rig.produced.iter().cloned().collect();
    rig.lose();
    rig.advance_ms(200);
    let head = rig.take();
    assert_ne!(head.c, all[0].c);
    assert_eq!(head.batches, all[0].batches);
    rig.assert_idle();
    rig.reply(&head, |_| ok());
    assert_eq!(rig.accept().batches, all[1].batches);
    assert_eq!(rig.accept().batches, all[2].batches);
    assert!(deliveries.iter().all(|delivery| offset(delivery).is_some()));
}

#[test]
fn what_was_never_written_is_not_possibly_written() {
    let mut rig = Rig::ready(|config| {
        config.retries = 0;
        config.delivery_timeout = Duration::from_secs(36);
    });
    rig.writes = false;
    let delivery = rig.send(0);
    let sent = rig.take();
    rig.dead_ports = vec![9001];
    rig.cut(sent.c, None);
    rig.advance_ms(40_000);
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
}

#[test]
fn a_retry_budget_of_zero_fails_what_was_lost_as_possibly_written() {
    let mut rig = Rig::ready(|config| config.retries = 0);
    let delivery = rig.send(0);
    rig.lose();
    assert_eq!(failure(&delivery), (Kind::Refused, PossiblyWritten));
}

#[test]
fn an_unanswered_request_ends_its_connection_and_certainty_sticks() {
    let mut rig = Rig::ready(|config| config.delivery_timeout = Duration::from_secs(36));
    let delivery = rig.send(0);
    let sent = rig.take();
    rig.advance_ms(29_900);
    assert!(rig.live.contains_key(&sent.c));
    rig.advance_ms(500);
    assert!(!rig.live.contains_key(&sent.c));
    let again = rig.take();
    assert_eq!(again.batches, sent.batches);
    // A definite refusal of the second attempt says nothing of the first.
    rig.dead_ports = vec![9001];
    rig.reply(&again, |_| code(19));
    rig.cut(again.c, None);
    rig.advance_ms(10_000);
    assert_eq!(failure(&delivery), (Kind::Timeout, PossiblyWritten));
}

#[test]
fn a_batch_that_expires_names_what_the_broker_last_said() {
    let check = |unlucky: &dyn Fn(&mut Rig), expected: &str| {
        let mut rig = Rig::ready(|config| config.delivery_timeout = Duration::from_secs(36));
        let delivery = rig.send(0);
        unlucky(&mut rig);
        rig.advance_ms(36_000);
        let Some(Err(error)) = delivery.outcome() else {
            panic!("it has not expired");
        };
        assert_eq!(error.kind(), Kind::Timeout);
        assert_eq!(error.to_string(), format!("delivery.timeout.ms passed{expected}"));
    };
    let refuse = |rig: &mut Rig, error: i16| {
        let refused = rig.refuse(error);
        rig.advance_ms(2_000);
        refused
    };
    check(&|rig| rig.dead_ports = vec![9001], " (possibly written)");
    // It waits to be sent again.
    check(
        &|rig| {
            refuse(rig, 14);
            rig.dead_ports = vec![9001];
            let refused = rig.refuse(19);
            rig.cut(refused.c, None);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS (19) (not written)",
    );
    // It is sent once more, and nothing answers.
    check(
        &|rig| {
            refuse(rig, 19);
            rig.advance_ms(10_000);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS (19) (possibly written)",
    );
    // A lost attempt says nothing.
    check(
        &|rig| {
            let refused = refuse(rig, 20);
            rig.dead_ports = vec![9001];
            rig.cut(refused.c, None);
        },
        "; the broker last said NOT_ENOUGH_REPLICAS_AFTER_APPEND (20) (possibly written)",
    );
}

#[test]
fn a_queued_record_expires_as_not_written() {
    let mut rig = Rig::new(|config| config.delivery_timeout = Duration::from_secs(36));
    rig.dead_ports = vec![9001];
    rig.want(TOPIC);
    let delivery = rig.send(0);
    rig.advance_ms(35_900);
    assert!(is_open(&delivery));
    rig.advance_ms(100);
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
    assert_eq!(rig.accumulator.memory().used(), 0);
}

#[test]
fn after_an_expired_batch_that_was_written_after_all_the_sequence_goes_on() {
    let mut rig = Rig::ready(|config| {
        config.delivery_timeout = Duration::from_secs(36);
        config.request_timeout = Duration::from_secs(30);
    });
    let first = rig.send(0);
    let sent = rig.take();
    rig.advance_ms(20_000);
    // A second attempt is under way when the delivery times out.
    rig.cut(sent.c, None);
    rig.advance_ms(1_000);
    let again = rig.take();
    rig.advance_ms(16_000);
    assert_eq!(failure(&first), (Kind::Timeout, PossiblyWritten));
    let second = rig.send(0);
    rig.assert_idle();
    rig.reply(&again, |_| ok());
    assert_eq!(rig.accept().only(), (0, 1, 1));
    assert_eq!(offset(&second), Some(100));
}

#[test]
fn after_an_expired_batch_that_was_refused_a_new_epoch_begins() {
    let mut rig = Rig::ready(|config| config.delivery_timeout = Duration::from_secs(36));
    let first = rig.send(0);
    let sent = rig.take();
    rig.advance_ms(20_000);
    rig.cut(sent.c, None);
    rig.advance_ms(1_000);
    let again = rig.take();
    rig.advance_ms(16_000);
    assert_eq!(failure(&first), (Kind::Timeout, PossiblyWritten));
    let second = rig.send(0);
    rig.reply(&again, |_| code(19));
    assert_eq!(rig.accept().only(), (1, 0, 1));
    assert_eq!(offset(&second), Some(100));
}

#[test]
fn a_batch_past_its_time_in_a_half_written_frame_ends_the_connection_and_is_not_written() {
    let mut rig = Rig::ready(|config| {
        config.delivery_timeout = Duration::from_secs(36);
        config.request_timeout = Duration::from_secs(30);
    });
    let first = rig.send(0);
    let sent = rig.take();
    rig.advance_ms(20_000);
    rig.writes = false;
    rig.sender.policy.retries = 9;
    rig.cut(sent.c, None);
    rig.advance_ms(1_000);
    rig.lose();
    let second = rig.append(0, b"y");
    drop(second);
    rig.advance_ms(16_000);
    assert_eq!(
        failure(&first).1,
        PossiblyWritten,
        "the first attempt was written"
    );

    let mut rig = Rig::ready(|config| config.delivery_timeout = Duration::from_secs(36));
    rig.dead_ports = vec![9001];
    let delivery = rig.send(0);
    rig.advance_ms(20_000);
    rig.dead_ports.clear();
    rig.writes = false;
    rig.advance_ms(5_000);
    let sent = rig.take();
    assert!(is_open(&delivery));
    rig.advance_ms(11_000);
    assert!(!rig.live.contains_key(&sent.c));
    assert_eq!(failure(&delivery), (Kind::Timeout, NotWritten));
}

#[test]
fn too_large_a_batch_is_split_and_its_halves_keep_their_sequences() {
    let mut rig = idempotent();
    let deliveries: Vec<_> = (0..4).map(|_| rig.append(0, &[3; 50])).collect();
    rig.advance(LINGER);
    assert_eq!(rig.refuse(10).only(), (0, 0, 4));
    let left = rig.take();
    assert_eq!(left.only(), (0, 0, 2));
    rig.assert_idle();
    rig.reply(&left, |_| Answer {
        base_offset: 10,
        ..ok()
    });
    let right = rig.take();
    assert_eq!(right.only(), (0, 2, 2));
    rig.reply(&right, |_| Answer {
        base_offset: 20,
        ..ok()
    });
    let offsets: Vec<_> = deliveries.iter().map(offset).collect();
    assert_eq!(offsets, [Some(10), Some(11), Some(20), Some(21)]);
    assert_eq!(rig.accumulator.memory().used(), 0);
}

#[test]
fn after_a_batch_was_too_large_the_next_do_not_grow_as_large() {
    let mut rig = open();
    rig.send_many(0, 1_000);
    assert_eq!(rig.refuse(10).only().2, 1_000);
    let half = rig.take();
    rig.send_many(0, 3_000);
    rig.reply(&half, |_| ok());
    let mut counts = Vec::new();
    while !rig.produced.is_empty() {
        counts.push(rig.accept().only().2);
    }
    assert_eq!(counts.iter().sum::<i32>(), 500 + 3_000);
    assert!(counts.iter().all(|count| *count <= 500), "{counts:?}");
}

#[test]
fn a_single_record_that_is_too_large_fails_and_a_new_epoch_begins() {
    let mut rig = idempotent();
    let large = rig.send(0);
    let next = rig.append(0, b"n");
    rig.run();
    rig.refuse(10);
    assert_eq!(failure(&large), (Kind::TooLarge, NotWritten));
    rig.advance(LINGER);
    assert_eq!(rig.accept().only(), (1, 0, 1));
    assert_eq!(offset(&next), Some(100));
}

#[test]
fn a_split_is_followed_by_what_waited_behind_it() {
    let mut rig = open();
    rig.hold_splits = true;
    drop(rig.append(0, b"a"));
    let first = rig.send(0);
    let second = rig.send(0);
    let all: Vec<_> = std::mem::take(&mut rig.produced).into();
    rig.reply(&all[0], |_| code(10));
    rig.reply(&all[1], |_| code(45));
    let third = rig.send(0);
    rig.assert_idle();
    let task = rig.splits.pop_front().expect("a task was given out");
    let result = task.run(&mut linger_protocol::records::Scratch::default());
    rig.sender.handle_split(result, rig.now);
    rig.run();
    let sequences: Vec<_> = (0..4).map(|_| rig.accept().only()).collect();
    assert_eq!(sequences, [(0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1)]);
    assert!(
        [first, second, third]
            .iter()
            .all(|delivery| offset(delivery).is_some())
    );
}

#[test]
fn culprits_fail_alone_and_the_rest_goes_out_under_a_new_epoch() {
    let mut rig = open();
    let mut deliveries: Vec<_> = (0..3).map(|_| rig.append(0, b"r")).collect();
    rig.advance(LINGER);
    deliveries.push(rig.send(0));
    let all: Vec<_> = std::mem::take(&mut rig.produced).into();
    rig.reply(&all[0], |_| Answer {
        culprits: vec![1],
        ..code(87)
    });
    rig.assert_idle();
    rig.reply(&all[1], |_| code(45));
    let rest = rig.take();
    assert_eq!(rest.only(), (1, 0, 2));
    rig.reply(&rest, |_| ok());
    assert_eq!(rig.accept().only(), (1, 2, 1));
    assert_eq!(failure(&deliveries[1]), (Kind::InvalidRecord, NotWritten));
    assert_eq!(offset(&deliveries[2]), Some(101));
    assert_eq!(offset(&deliveries[3]), Some(100));
}

#[test]
fn an_ambiguous_predecessor_of_a_failed_batch_keeps_its_identity() {
    let mut rig = open();
    let first = rig.send(0);
    let second = rig.send(0);
    let third = rig.send(0);
    let all: Vec<_> = std::mem::take(&mut rig.produced).into();
    rig.reply(&all[0], |_| code(7));
    rig.reply(&all[1], |_| code(29));
    rig.reply(&all[2], |_| code(45));
    assert_eq!(failure(&second), (Kind::Topic, NotWritten));
    rig.advance_ms(150);
    let again = rig.take();
    assert_eq!(again.batches, all[0].batches, "the ambiguous one keeps its stamp");
    rig.assert_idle();
    rig.reply(&again, |_| ok());
    assert_eq!(rig.accept().only(), (1, 0, 1));
    assert_eq!(offset(&first), Some(100));
    assert_eq!(offset(&third), Some(100));
}

#[test]
fn what_may_have_been_written_never_gets_a_new_identity() {
    let mut rig = open();
    let first = rig.send(0);
    let second = rig.send(0);
    let all: Vec<_> = std::mem::take(&mut rig.produced).into();
    rig.reply(&all[0], |_| code(29));
    rig.reply(&all[1], |_| code(7));
    assert_eq!(failure(&first), (Kind::Topic, NotWritten));
    assert_eq!(failure(&second).1, PossiblyWritten);
    drop(rig.send(0));
    rig.advance_ms(150);
    assert_eq!(rig.accept().only(), (1, 0, 1));
}

#[test]
fn what_may_have_been_written_and_cannot_be_sent_again_names_what_the_broker_last_said() {
    let check = |unlucky: &dyn Fn(&mut Rig, &Produced), expected: &str| {
        let mut rig = open();
        drop(rig.send(0));
        let doubtful = rig.send(0);
        let all: Vec<_> = std::mem::take(&mut rig.produced).into();
        rig.reply(&all[0], |_| code(29));
        assert!(is_open(&doubtful));
        unlucky(&mut rig, &all[1]);
        let Some(Err(error)) = doubtful.outcome() else {
            panic!("it has not failed");
        };
        assert_eq!(error.to_string(), format!("refused by the broker{expected}"));
    };
    check(
        &|rig, sent| rig.reply(sent, |_| code(7)),
        ": REQUEST_TIMED_OUT (7) (possibly written)",
    );
    // A lost attempt says nothing.
    check(
        &|rig, sent| {
            rig.cut(sent.c, None);
            rig.run();
        },
        " (possibly written)",
    );
}

#[test]
fn a_gap_at_the_head_begins_a_new_epoch_for_this_partition_alone() {
    let mut rig = idempotent();
    for partition in 0..2 {
        drop(rig.append(partition, b"x"));
    }
    rig.advance(LINGER);
    rig.accept();
    for partition in 0..2 {
        drop(rig.append(partition, b"y"));
    }
    rig.advance(LINGER);
    let sent = rig.take();
    rig.reply(&sent, |partition| if partition == 0 { code(59) } else { ok() });
    rig.advance_ms(150);
    let again = rig.accept();
    assert_eq!(again.partitions(), [0]);
    assert_eq!(again.only(), (1, 0, 1));
    drop(rig.append(1, b"z"));
    rig.advance(LINGER);
    assert_eq!(rig.accept().only(), (0, 2, 1), "the other partition goes on");
    assert_eq!(rig.ids_asked, 1);
}

#[test]
fn when_the_epochs_are_used_up_a_new_producer_id_is_asked_for() {
    let mut rig = Rig::new(|_| {});
    rig.next_epoch = i16::MAX;
    rig.want(TOPIC);
    let delivery = rig.send(0);
    rig.next_epoch = 0;
    assert_eq!(rig.refuse(45).only(), (i16::MAX, 0, 1));
    rig.advance_ms(150);
    let again = rig.accept();
    assert_eq!((again.batches[0].producer_id, again.only()), (1002, (0, 0, 1)));
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_producer_id_is_asked_for_until_it_is_given() {
    let mut rig = Rig::new(|_| {});
    rig.id_answers = [7, 14, 15, 16, 51].into();
    rig.want(TOPIC);
    let delivery = rig.send(0);
    rig.assert_idle();
    rig.advance_ms(5_000);
    rig.accept();
    assert_eq!(rig.ids_asked, 6);
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn without_permission_to_be_idempotent_the_producer_fails() {
    let mut rig = Rig::new(|_| {});
    rig.id_answers = [31].into();
    rig.want(TOPIC);
    assert_eq!(rig.sender.fatal(), Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
}

#[test]
fn a_moved_leader_gets_at_once_what_the_old_one_has_not_answered() {
    let mut rig = open();
    let delivery = rig.send(0);
    let old = rig.take();
    rig.advance_ms(1_200);
    rig.topics.get_mut(TOPIC).expect("it is there").partitions[0] = (1, 1);
    rig.refresh();
    let new = rig.take();
    assert_eq!((old.broker, new.broker), (0, 1));
    assert_eq!(new.batches, old.batches);
    // The late answer of the old leader is ignored.
    rig.reply(&old, |_| code(6));
    assert!(is_open(&delivery));
    rig.reply(&new, |_| ok());
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_plain_producer_waits_for_the_old_leader() {
    let mut rig = plain();
    let delivery = rig.send(0);
    let old = rig.take();
    rig.advance_ms(1_200);
    rig.topics.get_mut(TOPIC).expect("it is there").partitions[0] = (1, 1);
    rig.refresh();
    drop(rig.send(0));
    rig.assert_idle();
    rig.reply(&old, |_| code(6));
    rig.advance_ms(150);
    let new = rig.accept();
    assert_eq!((new.broker, &new.batches), (1, &old.batches));
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_hint_to_the_new_leader_is_followed_without_a_backoff() {
    let mut rig = open();
    rig.answer_metadata = false;
    let delivery = rig.send(0);
    let old = rig.take();
    rig.reply(&old, |_| Answer {
        leader: Some((2, 5)),
        ..code(6)
    });
    let new = rig.take();
    assert_eq!((new.broker, &new.batches), (2, &old.batches));
    rig.reply(&new, |_| ok());
    assert_eq!(offset(&delivery), Some(100));
}

#[test]
fn a_leader_of_an_older_epoch_is_not_believed() {
    let mut rig = Rig::new(|_| {});
    rig.topics.get_mut(TOPIC).expect("it is there").partitions[0] = (1, 7);
    rig.want(TOPIC);
    rig.topics.get_mut(TOPIC).expect("it is there").partitions[0] = (2, 6);
    rig.refresh();
    drop(rig.send(0));
    assert_eq!(rig.accept().broker, 1);
}

#[test]
fn a_topic_created_anew_begins_a_new_epoch() {
    let mut rig = open();
    let topic = rig.topics.get_mut(TOPIC).expect("it is there");
    topic.id = [2; 16];
    topic.partitions[0] = (1, 0);
    rig.refresh();
    drop(rig.send(0));
    let sent = rig.accept();
    assert_eq!((sent.broker, sent.only()), (1, (1, 0, 1)));
}

#[test]
fn a_topic_without_partitions_is_asked_for_again() {
    let mut rig = Rig::new(|_| {});
    let partitions = std::mem::take(&mut rig.topics.get_mut(TOPIC).expect("it is there").partitions);
    rig.want(TOPIC);
    assert!(rig.view.as_ref().is_some_and(|view| view.topic(TOPIC).is_none()));
    rig.topics.get_mut(TOPIC).expect("it is there").partitions = partitions;
    rig.advance_ms(150);
    assert!(rig.view.as_ref().is_some_and(|view| view.topic(TOPIC).is_some()));
}

#[test]
fn an_unknown_topic_is_asked_for_within_limits() {
    let mut rig = Rig::new(|_| {});
    rig.topics.get_mut(TOPIC).expect("it is there").error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    rig.want(TOPIC);
    rig.advance_ms(60_000);
    assert!((40..=100).contains(&rig.metadata_asked), "{}", rig.metadata_asked);
    let asked = rig.metadata_asked;
    rig.advance_ms(60_000);
    assert!(
        rig.metadata_asked <= asked + 2,
        "it is given up after max.block.ms"
    );
}

#[test]
fn a_forbidden_topic_is_shown_as_such() {
    let mut rig = Rig::new(|_| {});
    rig.topics.get_mut(TOPIC).expect("it is there").error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    rig.want(TOPIC);
    let view = rig.view.clone().expect("a view was published");
    let state = view.topic(TOPIC).map(|topic| topic.state);
    assert_eq!(
        state,
        Some(crate::cluster::TopicState::Error(
            ErrorCode::TOPIC_AUTHORIZATION_FAILED
        ))
    );
}

#[test]
fn without_acks_a_record_is_done_when_it_is_written() {
    let mut rig = Rig::ready(|config| {
        config.acks = Acks::None;
        config.enable_idempotence = false;
    });
    rig.writes = false;
    let first = rig.send(0);
    let second = rig.send(0);
    let (one, two) = (rig.take(), rig.take());
    assert!(is_open(&first));
    rig.sender.handle_written(one.c, one.id, rig.now);
    rig.run();
    assert_eq!(offset(&first), None);
    assert!(is_open(&second));
    rig.cut(two.c, None);
    rig.run();
    assert_eq!(failure(&second).1, NotWritten);
}

#[test]
fn a_throttled_broker_is_left_alone_and_gets_more_time() {
    let mut rig = open();
    drop(rig.send(0));
    drop(rig.send(0));
    let (one, two) = (rig.take(), rig.take());
    rig.reply_with(&one, |_| ok(), |response| response.throttle_time_ms = 3_000);
    drop(rig.send(0));
    rig.advance_ms(2_900);
    rig.assert_idle();
    rig.advance_ms(200);
    let three = rig.take();
    rig.advance_ms(28_000);
    assert!(
        rig.live.contains_key(&two.c),
        "an unanswered request has as much more time"
    );
    rig.reply(&two, |_| ok());
    rig.reply(&three, |_| ok());
}

#[test]
fn an_answer_that_leaves_out_repeats_or_adds_a_partition_ends_the_connection() {
    for spoil in [
        (|responses| responses.clear()) as fn(&mut Vec<linger_protocol::messages::PartitionProduceResponse>),
        |responses| responses.push(responses[0].clone()),
        |responses| responses[0].index = 3,
        |responses| responses[0].index = 77,
    ] {
        let mut rig = idempotent();
        let delivery = rig.send(0);
        let sent = rig.take();
        rig.reply_with(
            &sent,
            |_| ok(),
            |response| spoil(&mut response.responses[0].partition_responses),
        );
        assert!(!rig.live.contains_key(&sent.c));
        assert!(is_open(&delivery));
        rig.advance_ms(500);
        let again = rig.accept();
        assert_eq!(again.batches, sent.batches);
        assert_eq!(offset(&delivery), Some(100));
    }
}

#[test]
fn an_answer_to_another_request_ends_the_connection() {
    let mut rig = open();
    drop(rig.send(0));
    drop(rig.send(0));
    let (one, two) = (rig.take(), rig.take());
    rig.reply(&two, |_| ok());
    assert!(!rig.live.contains_key(&one.c));
}

#[test]
fn a_flush_does_not_wait_for_linger_and_is_done_when_all_is_resolved() {
    let mut rig = Rig::ready(|config| config.linger = Duration::from_secs(5));
    let delivery = rig.append(0, b"x");
    let flush = rig.accumulator.begin_flush();
    rig.sender.handle_flush(flush, rig.now);
    rig.run();
    let later = rig.append(1, b"later");
    rig.run();
    assert!(rig.flushed.is_empty());
    assert_eq!(rig.accept().partitions(), [0]);
    assert_eq!(rig.flushed, [flush]);
    assert_eq!(offset(&delivery), Some(100));
    assert!(is_open(&later));
    rig.assert_idle();
}

#[test]
fn an_empty_flush_is_done_at_once() {
    let mut rig = idempotent();
    let flush = rig.accumulator.begin_flush();
    rig.sender.handle_flush(flush, rig.now);
    rig.run();
    assert_eq!(rig.flushed, [flush]);
}

#[test]
fn close_sends_what_there_is_and_then_lets_go() {
    let mut rig = Rig::ready(|config| config.linger = Duration::from_secs(5));
    let delivery = rig.append(0, b"x");
    rig.sender.handle_close(rig.now + Duration::from_secs(9), rig.now);
    rig.run();
    rig.accept();
    assert_eq!(offset(&delivery), Some(100));
    assert!(rig.closed);
    assert!(rig.live.is_empty());
    assert_eq!(rig.sender.poll_timeout(), None);
}

#[test]
fn at_the_deadline_of_close_what_is_left_fails_by_its_certainty() {
    let mut rig = open();
    rig.dead_ports = vec![9002];
    rig.topics.get_mut(TOPIC).expect("it is there").partitions[1] = (1, 1);
    rig.refresh();
    let sent = rig.send(0);
    let queued = rig.send(1);
    rig.sender.handle_close(rig.now + Duration::from_secs(2), rig.now);
    rig.advance_ms(1_990);
    assert!(!rig.closed);
    rig.advance_ms(10);
    assert!(rig.closed);
    assert_eq!(failure(&sent), (Kind::Closed, PossiblyWritten));
    assert_eq!(failure(&queued), (Kind::Closed, NotWritten));
    drop(rig.produced);
    assert_eq!(rig.accumulator.memory().used(), 0);
}

#[test]
fn at_the_deadline_of_close_a_half_written_request_is_not_written() {
    let mut rig = open();
    rig.writes = false;
    let whole = rig.send(0);
    let half = rig.send(0);
    let first = rig.take();
    rig.sender.handle_written(first.c, first.id, rig.now);
    rig.sender.handle_close(rig.now + Duration::from_secs(2), rig.now);
    rig.advance_ms(2_000);
    assert!(rig.closed);
    assert_eq!(failure(&whole), (Kind::Closed, PossiblyWritten));
    assert_eq!(failure(&half), (Kind::Closed, NotWritten));
}

#[test]
fn brokers_that_cannot_be_reached_are_dialled_with_a_backoff() {
    let mut rig = idempotent();
    drop(rig.send(0));
    let sent = rig.take();
    rig.dead_ports = vec![9001];
    rig.cut(sent.c, None);
    let before = rig.dials.len();
    for _ in 0..600 {
        rig.advance_ms(100);
        let dialled: Vec<_> = rig.sender.connections.keys().copied().collect();
        for c in dialled.into_iter().filter(|c| !rig.live.contains_key(c)) {
            rig.sender.handle_disconnected(c, None, rig.now);
        }
        rig.run();
    }
    let dead = rig.dials[before..]
        .iter()
        .filter(|(_, _, port)| *port == 9001)
        .count();
    assert!((40..=83).contains(&dead), "{dead}");
    assert!(rig.metadata_asked < 130, "{}", rig.metadata_asked);
}

#[test]
fn a_dial_that_hangs_is_given_up() {
    let mut rig = Rig::new(|_| {});
    rig.dead_ports = vec![9000];
    rig.want(TOPIC);
    assert_eq!(rig.dials.len(), 1);
    rig.advance_ms(9_900);
    rig.dead_ports.clear();
    rig.advance_ms(500);
    assert!(rig.view.is_some());
}

#[test]
fn with_all_brokers_gone_the_bootstrap_address_leads_back() {
    let mut rig = open();
    drop(rig.send(0));
    let sent = rig.take();
    // The cluster moves to other addresses.
    rig.dead_ports = vec![9001, 9002, 9003];
    rig.brokers = vec![3, 4, 5];
    rig.topics.get_mut(TOPIC).expect("it is there").partitions = vec![(4, 9); 4];
    rig.cut(sent.c, None);
    for _ in 0..20 {
        rig.advance_ms(100);
        let dialled: Vec<_> = rig.sender.connections.keys().copied().collect();
        for c in dialled.into_iter().filter(|c| !rig.live.contains_key(c)) {
            rig.sender.handle_disconnected(c, None, rig.now);
        }
        rig.run();
    }
    let again = rig.accept();
    assert_eq!((again.broker, &again.batches), (4, &sent.batches));
}

#[test]
fn an_old_broker_gets_an_old_version_and_zstd_needs_version_7() {
    let mut rig = Rig::new(|_| {});
    rig.produce_max = 7;
    rig.want(TOPIC);
    drop(rig.send(0));
    assert_eq!(rig.accept().version, 7);

    let mut rig = Rig::new(|config| config.compression = Compression::Zstd { level: 3 });
    rig.produce_max = 6;
    rig.want(TOPIC);
    rig.advance_ms(1_000);
    assert!(rig.live.is_empty());
}

#[test]
fn with_a_codec_a_full_batch_is_encoded_before_it_can_leave() {
    let mut rig = Rig::ready(|config| {
        config.compression = Compression::Lz4 { level: 1 };
        config.batch_size = 1_000;
    });
    drop(rig.send(0));
    let first = rig.take();
    for _ in 0..30 {
        drop(rig.append(0, &[5; 100]));
    }
    rig.run();
    let queue = rig.partition(0).queue().status();
    assert_eq!((queue.encoded, queue.sealed), (1, 0));
    rig.reply(&first, |_| ok());
    while !rig.produced.is_empty() {
        rig.accept();
        rig.advance(LINGER);
    }
    assert_eq!(rig.accumulator.ledger().acknowledged, 31);
}

#[test]
fn an_idle_sender_sleeps() {
    let mut rig = open();
    let woken = std::cell::Cell::new(0);
    let until = rig.now + Duration::from_secs(200);
    while rig.sender.poll_timeout().is_some_and(|at| at < until) {
        rig.now = rig.sender.poll_timeout().expect("just seen");
        rig.run();
        woken.set(woken.get() + 1);
        assert!(
            woken.get() < 10,
            "an idle producer wakes up {} times",
            woken.get()
        );
    }
    assert_eq!(rig.sender.sleep_kind(), Sleep::Idle);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut rig = open();
        let mut trace = Vec::new();
        for round in 0..60 {
            drop(rig.send(round % 4));
            while !rig.produced.is_empty() {
                let produced = match (round + trace.len() as i32) % 3 {
                    0 => rig.refuse(19),
                    1 => rig.lose(),
                    _ => rig.accept(),
                };
                trace.push((rig.elapsed_ms(), produced.partitions()));
                rig.advance_ms(137);
            }
        }
        (
            trace,
            rig.dials
                .iter()
                .map(|dial| (dial.0 - rig.start, dial.2))
                .collect::<Vec<_>>(),
        )
    };
    let (trace, dials) = run();
    assert!(
        trace.len() > 30 && dials.len() > 10,
        "{} {}",
        trace.len(),
        dials.len()
    );
    assert_eq!(run(), (trace, dials));
}

#[test]
fn a_starved_appender_hurries_what_lingers() {
    let mut rig = Rig::ready(|config| config.linger = Duration::from_secs(5));
    drop(rig.append(0, b"x"));
    rig.run();
    rig.assert_idle();
    rig.sender.handle_ready(crate::doorbell::Ready::Starved, rig.now);
    rig.run();
    rig.accept();
}

#[test]
fn written_requests_are_reported_by_their_number() {
    let mut rig = open();
    rig.writes = false;
    drop(rig.send(0));
    drop(rig.send(0));
    drop(rig.send(0));
    assert_eq!(
        rig.produced.len(),
        2,
        "with two requests not even written, a third waits"
    );
    let first = rig.take();
    rig.sender
        .handle_written(first.c, RequestId(first.id.0 + 1), rig.now);
    rig.run();
    assert_eq!(rig.produced.len(), 2);
}
