//! Further connections to a broker with slow acks.

use std::time::Duration;

use crate::config::Config;
use crate::ids::ConnectionId;
use crate::send::sender::harness::{Harness, Produced, code, idempotent, offset, ok};

/// A broker that has acknowledged often enough `wait` after the request before, with partitions 0
/// to 3 sent to.
fn acknowledging_after(wait: Duration, change: impl FnOnce(&mut Config)) -> Harness {
    let mut harness = Harness::ready(change);
    for partitions in [0..4, 0..2] {
        partitions.for_each(|partition| drop(harness.send(partition)));
        for produced in harness.take_all() {
            harness.advance(wait);
            harness.reply(&produced, |_| ok());
        }
    }
    assert_eq!(harness.dials.len(), 2, "the bootstrap server, and the leader");
    harness.dials.clear();
    harness
}

fn slow(change: impl FnOnce(&mut Config)) -> Harness {
    acknowledging_after(Duration::from_millis(5), change)
}

/// A slow broker with one further connection, which was dialled when a request had to wait.
fn with_further(change: impl FnOnce(&mut Config)) -> Harness {
    let mut harness = slow(change);
    let (first, behind) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!((first.connection, harness.dials.len()), (behind.connection, 1));
    for produced in [first, behind] {
        harness.advance_ms(5);
        harness.reply(&produced, |_| ok());
    }
    harness.dials.clear();
    harness
}

/// Sends to a partition, and takes the only request that this led to.
fn sent(harness: &mut Harness, partition: i32) -> Produced {
    drop(harness.send(partition));
    let produced = harness.take();
    harness.assert_idle();
    produced
}

/// How many connections to the leader there are.
fn connections(harness: &Harness) -> usize {
    harness.live.values().filter(|port| **port == 1).count()
}

#[test]
fn what_would_wait_behind_another_request_leaves_by_a_further_connection() {
    let mut harness = with_further(|_| {});
    let first = sent(&mut harness, 0);
    let second = sent(&mut harness, 1);
    let third = sent(&mut harness, 2);
    assert_eq!(harness.dials.len(), 1, "for the third: {:?}", harness.dials);
    let used: [ConnectionId; 3] = [first.connection, second.connection, third.connection];
    assert!(
        used[0] != used[1] && used[1] != used[2] && used[0] != used[2],
        "{used:?}"
    );
    // Answers come in any order.
    for produced in [third, first, second] {
        harness.reply(&produced, |_| ok());
    }
    assert_eq!(connections(&harness), 3);
}

#[test]
fn a_broker_that_answers_at_once_needs_one_connection() {
    let mut harness = acknowledging_after(Duration::from_micros(900), |_| {});
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!(first.connection, second.connection);
    assert!(harness.dials.is_empty(), "{:?}", harness.dials);
}

#[test]
fn batches_of_a_partition_are_in_flight_on_one_connection() {
    let mut harness = with_further(|_| {});
    let first = sent(&mut harness, 0);
    let by_further = sent(&mut harness, 1);
    // Both partitions have more, which stays with what is in flight, and grows.
    for partition in [0, 1, 0, 1] {
        drop(harness.send(partition));
        harness.assert_idle();
    }
    harness.reply(&by_further, |_| ok());
    let next = harness.take();
    assert_eq!((next.partitions(), next.only().2), (vec![1], 2));
    assert_ne!(next.connection, first.connection);
    harness.reply(&first, |_| ok());
    let next = harness.take();
    assert_eq!((next.partitions(), next.only().2), (vec![0], 2));
}

#[test]
fn alone_only_a_batch_that_can_grow_no_more_follows_its_predecessor() {
    let mut harness = slow(|config| {
        config.linger = Duration::ZERO;
        config.batch_size = 1_000;
        config.batch_size_max = Some(2_000);
    });
    let first = sent(&mut harness, 0);
    harness.send_many(0, 5);
    harness.assert_idle();
    harness.send_many(0, 20);
    let full = harness.take();
    assert_eq!(
        (full.connection, full.only().2),
        (first.connection, 17),
        "what fits into 2,000 bytes"
    );
    harness.assert_idle();
    assert!(
        harness.dials.is_empty(),
        "one more connection is of no use to it: {:?}",
        harness.dials
    );
    harness.reply(&first, |_| ok());
    harness.assert_idle();
    harness.reply(&full, |_| ok());
    assert_eq!(harness.take().only().2, 8);
}

#[test]
fn an_idle_connection_does_not_keep_a_full_batch_from_following_its_predecessor() {
    let mut harness = with_further(|config| {
        config.linger = Duration::ZERO;
        config.batch_size = 1_000;
        config.batch_size_max = Some(2_000);
    });
    assert_eq!(connections(&harness), 2);
    let first = sent(&mut harness, 0);
    harness.send_many(0, 25);
    assert_eq!(harness.take().connection, first.connection);
}

#[test]
fn there_are_no_more_connections_than_configured() {
    let mut harness = with_further(|config| config.connections_per_broker = 2);
    let first = sent(&mut harness, 0);
    let second = sent(&mut harness, 1);
    drop(harness.send(2));
    drop(harness.send(3));
    harness.assert_idle();
    assert_eq!(connections(&harness), 2);
    // Whichever is idle first takes all that waits.
    harness.reply(&second, |_| ok());
    let both = harness.take();
    assert_eq!(
        (both.connection, both.partitions()),
        (second.connection, vec![2, 3])
    );
    harness.reply(&first, |_| ok());
    harness.assert_idle();
}

#[test]
fn with_one_connection_requests_follow_each_other_on_it() {
    let mut harness = slow(|config| config.connections_per_broker = 1);
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!(first.connection, second.connection);
    assert!(harness.dials.is_empty(), "{:?}", harness.dials);
}

#[test]
fn while_no_further_connection_can_be_had_requests_follow_each_other() {
    let mut harness = slow(|_| {});
    harness.dead_ports = vec![9001];
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!(first.connection, second.connection);
    assert_eq!(harness.dials.len(), 1, "{:?}", harness.dials);
    harness.fail_dials();
    assert_eq!(sent(&mut harness, 2).connection, first.connection);
}

#[test]
fn nothing_waits_for_a_further_connection_that_is_stuck() {
    let mut harness = with_further(|config| config.connections_per_broker = 2);
    let first = sent(&mut harness, 0);
    let stuck = sent(&mut harness, 1);
    drop(harness.send(2));
    harness.assert_idle();
    harness.advance_ms(1_500);
    drop(harness.send(3));
    for partition in [2, 3] {
        let behind = harness.take();
        assert_eq!(
            (behind.connection, behind.partitions()),
            (first.connection, vec![partition])
        );
    }
    assert_ne!(stuck.connection, first.connection);
}

#[test]
fn a_connection_that_cannot_be_had_does_not_keep_others_from_being_used() {
    let mut harness = with_further(|_| {});
    let first = sent(&mut harness, 0);
    let (one, two) = (sent(&mut harness, 1), sent(&mut harness, 2));
    for produced in [&first, &one, &two] {
        harness.reply(produced, |_| ok());
    }
    harness.dead_ports = vec![9001];
    harness.cut(one.connection, None);
    harness.run();
    let again = sent(&mut harness, 0);
    assert_eq!(again.connection, first.connection);
    assert_eq!(
        sent(&mut harness, 1).connection,
        two.connection,
        "while the other one hangs or backs off"
    );
    harness.fail_dials();
    harness.reply(&again, |_| ok());
}

#[test]
fn what_is_lost_with_a_further_connection_leaves_again() {
    let mut harness = with_further(|_| {});
    let first = sent(&mut harness, 0);
    let delivery = harness.send(1);
    let lost = harness.lose();
    assert_ne!(lost.connection, first.connection);
    harness.advance_ms(2_000);
    let again = harness.take();
    assert_eq!(again.batches, lost.batches, "the same bytes");
    for produced in [first, again] {
        harness.reply(&produced, |_| ok());
    }
    assert!(offset(&delivery).is_some());
}

#[test]
fn a_further_connection_that_does_not_answer_ends() {
    let mut harness = with_further(|_| {});
    let first = sent(&mut harness, 0);
    let stuck = sent(&mut harness, 1);
    assert_ne!(stuck.connection, first.connection);
    harness.reply(&first, |_| ok());
    harness.advance(harness.config.request_timeout + Duration::from_secs(1));
    assert!(!harness.live.contains_key(&stuck.connection));
    assert_eq!(harness.take().batches, stuck.batches);
}

#[test]
fn further_connections_that_carry_nothing_are_closed() {
    let mut harness = with_further(|_| {});
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    harness.advance(Duration::from_secs(20));
    harness.reply(&first, |_| ok());
    harness.reply(&second, |_| ok());
    assert_eq!(connections(&harness), 2);
    let until = harness.config.connections_max_idle;
    // What is asked about the cluster meanwhile keeps one of them.
    harness.advance(until);
    assert!(connections(&harness) <= 1, "{:?}", harness.live);
    let (first, behind) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!(harness.dials.last().map(|(at, ..)| *at), Some(harness.now));
    for produced in [first, behind] {
        harness.reply(&produced, |_| ok());
    }
}

#[test]
fn a_throttle_on_any_connection_silences_the_broker() {
    let mut harness = with_further(|_| {});
    let first = sent(&mut harness, 0);
    let by_further = sent(&mut harness, 1);
    harness.reply_with(&by_further, |_| ok(), |response| response.throttle_time_ms = 300);
    harness.reply(&first, |_| ok());
    drop(harness.send(2));
    drop(harness.send(1));
    harness.assert_idle();
    harness.advance_ms(300);
    assert_eq!(harness.take().partitions(), [1, 2]);
}

#[test]
fn a_quota_is_no_wait_for_followers() {
    let mut harness = Harness::ready(|_| {});
    (0..4).for_each(|partition| drop(harness.send(partition)));
    for produced in harness.take_all() {
        harness.reply(&produced, |_| ok());
    }
    for _ in 0..4 {
        (0..2).for_each(|partition| drop(harness.send(partition)));
        let requests = harness.take_all();
        assert_eq!(requests.len(), 2);
        for produced in requests {
            harness.reply_with(&produced, |_| ok(), |response| response.throttle_time_ms = 300);
            harness.advance_ms(300);
        }
    }
    harness.dials.clear();
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!(first.connection, second.connection);
    assert!(harness.dials.is_empty(), "{:?}", harness.dials);
}

#[test]
fn nothing_follows_a_request_that_is_stuck_only_to_see_whether_it_waits() {
    let mut harness = with_further(|_| {});
    let stuck = sent(&mut harness, 0);
    for _ in 0..200 {
        let produced = sent(&mut harness, 1);
        assert_ne!(produced.connection, stuck.connection);
        harness.advance_ms(20);
        harness.reply(&produced, |_| ok());
    }
}

#[test]
fn nothing_waits_for_further_connections_that_are_not_used() {
    let mut harness = with_further(|_| {});
    // Not known to be slow, nor not to be.
    let pacing = &mut harness.broker(0).pacing;
    for micros in [0, 0, 5_000] {
        pacing.record_ack_wait(Some(Duration::from_micros(micros)));
    }
    assert_eq!((pacing.has_slow_acks(), pacing.pipeline_depth()), (false, 2));
    let first = sent(&mut harness, 0);
    assert_eq!(sent(&mut harness, 1).connection, first.connection);
    assert_eq!(sent(&mut harness, 2).connection, first.connection);
}

#[test]
fn further_connections_serve_while_the_first_one_cannot_be_had() {
    let mut harness = with_further(|_| {});
    harness.dead_ports = vec![9001];
    let lost = sent(&mut harness, 0);
    harness.cut(lost.connection, None);
    harness.run();
    let by_further = sent(&mut harness, 1);
    assert_ne!(by_further.connection, lost.connection);
    harness.reply(&by_further, |_| ok());
    harness.advance_ms(300);
    assert_eq!(harness.accept().batches, lost.batches);
    let dialled = harness.dials.len();
    assert_eq!(dialled, 1, "one connection is missing: {:?}", harness.dials);
}

#[test]
fn all_connections_to_a_broker_that_moves_end() {
    let mut harness = with_further(|_| {});
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    for produced in [first, second] {
        harness.reply(&produced, |_| ok());
    }
    assert_eq!(connections(&harness), 2);
    harness.moved_to("elsewhere");
    assert_eq!(connections(&harness), 0);
    assert_eq!(sent(&mut harness, 0).partitions(), [0]);
}

#[test]
fn the_way_to_a_broker_is_no_wait() {
    let mut harness = Harness::ready(|_| {});
    for _ in 0..20 {
        // Alone on its way, and answered one way there and one back later.
        let produced = sent(&mut harness, 0);
        harness.advance_ms(50);
        harness.reply(&produced, |_| ok());
    }
    // Behind each other, and answered right after each other.
    (0..2).for_each(|partition| drop(harness.send(partition)));
    harness.advance_ms(50);
    for produced in harness.take_all() {
        harness.reply(&produced, |_| ok());
    }
    harness.dials.clear();
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!(first.connection, second.connection);
    assert!(harness.dials.is_empty(), "{:?}", harness.dials);
}

#[test]
fn now_and_then_one_request_follows_another_to_see_whether_the_broker_is_still_slow() {
    let mut harness = slow(|_| {});
    // A single partition: nothing follows its own batch while that is unanswered.
    for _ in 0..32 {
        let produced = sent(&mut harness, 0);
        drop(harness.send(0));
        harness.assert_idle();
        harness.reply(&produced, |_| ok());
        harness.accept();
    }
    let first = sent(&mut harness, 0);
    let follows = sent(&mut harness, 0);
    drop(harness.send(0));
    harness.assert_idle();
    harness.reply(&first, |_| ok());
    harness.advance_ms(5);
    harness.reply(&follows, |_| ok());
    harness.accept();
    // It still does.
    let _first = sent(&mut harness, 0);
    drop(harness.send(0));
    harness.assert_idle();
}

#[test]
fn refusals_do_not_tell_how_long_a_broker_waits() {
    let mut harness = idempotent();
    (0..4).for_each(|partition| drop(harness.send(partition)));
    harness
        .take_all()
        .iter()
        .for_each(|produced| harness.reply(produced, |_| ok()));
    for _ in 0..4 {
        (0..4).for_each(|partition| drop(harness.send(partition)));
        for produced in harness.take_all() {
            harness.advance_ms(5);
            harness.reply(&produced, |_| code(29));
        }
    }
    harness.dials.clear();
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!(first.connection, second.connection);
}

#[test]
fn further_connections_are_not_used_once_a_broker_answers_at_once() {
    let mut harness = with_further(|_| {});
    for _ in 0..100 {
        for partition in [0, 1] {
            drop(harness.send(partition));
        }
        while !harness.produced.is_empty() {
            harness.accept();
        }
    }
    let (first, second) = (sent(&mut harness, 0), sent(&mut harness, 1));
    assert_eq!(first.connection, second.connection);
    assert_eq!(connections(&harness), 2, "they stay connected");
}

#[test]
fn batches_for_a_slow_broker_grow_to_their_share_of_memory() {
    let largest = |memory: usize| {
        let mut harness = with_further(|config| {
            config.buffer_memory = memory;
            config.batch_size = 1_000;
        });
        let mut waiting: Vec<_> = (0..2).map(|partition| sent(&mut harness, partition)).collect();
        waiting.push(sent(&mut harness, 2));
        for _ in 0..memory / 5_900 {
            (0..3).for_each(|partition| drop(harness.append(partition, &[7; 1_000])));
            harness.run();
        }
        harness.advance_ms(5);
        waiting
            .iter()
            .for_each(|produced| harness.reply(produced, |_| ok()));
        let batches = harness
            .take_all()
            .into_iter()
            .flat_map(|produced| produced.batches);
        batches.map(|batch| batch.bytes.len()).max().unwrap_or(0)
    };
    // Three in flight and three that grow, in buffers of powers of two.
    let share = 512 * 1024;
    assert!((share - 2_000..=share).contains(&largest(6 * share)));
    let all_that_a_request_takes = 1024 * 1024 - 1024;
    assert!((all_that_a_request_takes - 2_000..=all_that_a_request_takes).contains(&largest(12 * share)));
}
