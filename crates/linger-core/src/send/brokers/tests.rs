//! Connections: which are dialled, when again, and what the broker at the other end can do.

use std::time::Duration;

use linger_protocol::records::Compression;

use crate::address::Address;
use crate::error::Certainty::PossiblyWritten;
use crate::error::DeliveryErrorKind as Kind;
use crate::send::sender::harness::{Harness, Produced, TOPIC, failure, idempotent, offset, ok, open};

#[test]
fn bring_up_asks_once_and_leaves_the_bootstrap_address() {
    let mut harness = Harness::new(|_| {});
    harness.run();
    assert!(harness.dials.is_empty(), "nothing is dialled before it is needed");
    harness.sender.handle_start(harness.now);
    harness.run();
    assert_eq!(harness.view.as_ref().map(|view| view.brokers().len()), Some(3));
    harness.want(TOPIC);
    assert_eq!(
        harness
            .view
            .as_ref()
            .and_then(|view| Some(view.topic(TOPIC)?.available.len())),
        Some(4)
    );
    drop(harness.send(0));
    harness.accept();
    assert_eq!(harness.ids_asked, 1);
    assert!(
        !harness.live.values().any(|port| *port == 0),
        "{:?}",
        harness.live
    );
    harness.advance_ms(60_000);
    assert_eq!(harness.metadata_asked, 2);
    harness.advance_ms(300_000);
    assert!(
        (3..=4).contains(&harness.metadata_asked),
        "{}",
        harness.metadata_asked
    );
}

#[test]
fn a_broker_that_was_forgotten_and_comes_back_is_sent_to_again() {
    let mut harness = idempotent();
    let lost = harness.send(0);
    harness.dead_ports = vec![9001];
    harness.lose();
    harness.advance(harness.config.delivery_timeout);
    assert_eq!(failure(&lost), (Kind::Timeout, PossiblyWritten));
    let leads = |harness: &mut Harness, brokers: &[i32], leader: i32, epoch: i32| {
        harness.brokers = brokers.to_vec();
        harness.topic().partitions[0] = (leader, epoch);
        harness.refresh();
    };
    leads(&mut harness, &[1, 2], 1, 5);
    harness.advance(harness.config.socket_connection_setup_timeout);
    leads(&mut harness, &[1, 2], 1, 5);
    harness.dead_ports.clear();
    leads(&mut harness, &[0, 1, 2], 0, 6);
    let next = harness.send(0);
    harness.accept();
    assert!(offset(&next).is_some());
}

#[test]
fn brokers_that_cannot_be_reached_are_dialled_with_a_backoff() {
    let mut harness = idempotent();
    drop(harness.send(0));
    let sent = harness.take();
    harness.dead_ports = vec![9001];
    harness.cut(sent.connection, None);
    let before = harness.dials.len();
    for _ in 0..600 {
        harness.advance_ms(100);
        harness.fail_dials();
    }
    let dead = harness.dials[before..]
        .iter()
        .filter(|(_, _, port)| *port == 9001)
        .count();
    assert!((40..=83).contains(&dead), "{dead}");
    assert!(harness.metadata_asked < 130, "{}", harness.metadata_asked);
}

#[test]
fn a_dial_that_hangs_is_given_up() {
    let mut harness = Harness::new(|_| {});
    harness.dead_ports = vec![9000];
    harness.want(TOPIC);
    assert_eq!(harness.dials.len(), 1);
    harness.advance_ms(9_900);
    harness.dead_ports.clear();
    harness.advance_ms(500);
    assert!(harness.view.is_some());
}

#[test]
fn with_all_brokers_gone_the_bootstrap_address_leads_back() {
    let mut harness = open();
    drop(harness.send(0));
    let sent = harness.take();
    // The cluster moves to other addresses.
    harness.dead_ports = vec![9001, 9002, 9003];
    harness.brokers = vec![3, 4, 5];
    harness.topic().partitions = vec![(4, 9); 4];
    harness.cut(sent.connection, None);
    for _ in 0..20 {
        harness.advance_ms(100);
        harness.fail_dials();
    }
    let again = harness.accept();
    assert_eq!((again.broker, &again.batches), (4, &sent.batches));
}

#[test]
fn an_old_broker_gets_an_old_version_and_zstd_needs_version_7() {
    let mut harness = Harness::new(|_| {});
    harness.produce_max = 7;
    harness.want(TOPIC);
    drop(harness.send(0));
    assert_eq!(harness.accept().version, 7);

    let mut harness = Harness::new(|config| config.compression = Compression::Zstd { level: 3 });
    harness.produce_max = 6;
    harness.want(TOPIC);
    harness.advance_ms(1_000);
    assert!(harness.live.is_empty());
}

#[test]
fn connections_that_carry_nothing_are_closed_and_dialled_again_when_needed() {
    let mut harness = Harness::ready(|config| {
        config.connections_max_idle = Duration::from_secs(100);
        config.metadata_max_age = Duration::from_secs(3_600);
    });
    drop(harness.send(0));
    harness.accept();
    let (dials, questions) = (harness.dials.len(), harness.metadata_asked);
    harness.advance_ms(99_000);
    assert_eq!(harness.live.len(), 1, "{:?}", harness.live);
    harness.advance_ms(2_000);
    assert!(harness.live.is_empty(), "{:?}", harness.live);
    harness.advance_ms(500_000);
    assert_eq!(
        (harness.dials.len(), harness.metadata_asked),
        (dials, questions),
        "that is no failure"
    );
    let before = harness.now;
    let delivery = harness.append(0, b"value");
    harness.run();
    assert_eq!(
        harness.dials.last().map(|(at, ..)| *at),
        Some(before),
        "and no backoff"
    );
    harness.advance(harness.config.linger);
    // A request in flight is no idleness, however long its answer takes.
    let produced = harness.take();
    harness.advance_ms(29_000);
    harness.reply(&produced, |_| ok());
    assert!(offset(&delivery).is_some());
}

#[test]
fn a_silence_that_outlives_its_connection_ends() {
    let mut harness = idempotent();
    let first = sent_with_throttle(&mut harness, 2_000);
    drop(harness.send(0));
    harness.assert_idle();
    harness.cut(first.connection, None);
    harness.advance_ms(1_900);
    harness.assert_idle();
    harness.advance_ms(200);
    assert_eq!(harness.take().partitions(), [0]);
}

#[test]
fn a_connection_that_rests_in_its_brokers_silence_comes_back() {
    let mut harness = Harness::ready(|config| config.connections_max_idle = Duration::from_millis(500));
    let _ = sent_with_throttle(&mut harness, 2_000);
    drop(harness.send(0));
    harness.advance_ms(1_900);
    harness.assert_idle();
    harness.advance_ms(200);
    assert_eq!(harness.take().partitions(), [0]);
}

/// A request that is answered with the wish for silence.
fn sent_with_throttle(harness: &mut Harness, throttle_time_ms: i32) -> Produced {
    drop(harness.send(0));
    let produced = harness.take();
    harness.reply_with(
        &produced,
        |_| ok(),
        |response| response.throttle_time_ms = throttle_time_ms,
    );
    produced
}

/// When each dial of a port began, in milliseconds.
fn dialled_at(harness: &Harness, port: u16) -> Vec<u128> {
    let dials = harness.dials.iter().filter(|dial| dial.2 == port);
    dials.map(|dial| (dial.0 - harness.start).as_millis()).collect()
}

#[test]
fn in_an_outage_an_address_is_dialled_once_per_back_off_though_a_bootstrap_server_is_a_broker() {
    let mut harness = Harness::new(|config| {
        config.bootstrap = vec![Address::new("host", 9001), Address::new("host", 9002)];
    });
    harness.want(TOPIC);
    drop(harness.send(0));
    let sent = harness.take();
    harness.dials.clear();
    harness.dead_ports = vec![9001, 9002, 9003];
    for connection in harness.live.keys().copied().collect::<Vec<_>>() {
        harness.cut(connection, None);
    }
    harness.run();
    for _ in 0..6_000 {
        harness.advance_ms(10);
        harness.fail_dials();
    }
    // Both the leader of what waits and the first bootstrap server.
    let dials = dialled_at(&harness, 9001);
    assert!(dials.len() > 40, "{dials:?}");
    for (nth, pair) in dials.windows(2).enumerate() {
        let back_off = (50 << (nth + 1).min(10)).min(1_000);
        assert!(pair[1] - pair[0] >= back_off * 8 / 10, "{nth}: {dials:?}");
    }
    harness.dead_ports.clear();
    harness.advance_ms(1_100);
    assert_eq!(harness.take().batches, sent.batches);
}

#[test]
fn leaving_a_bootstrap_server_is_no_failure_of_the_broker_there() {
    let mut harness = Harness::new(|config| config.bootstrap = vec![Address::new("host", 9001)]);
    harness.want(TOPIC);
    drop(harness.append(0, b"value"));
    harness.run();
    assert_eq!(dialled_at(&harness, 9001), [0, 0], "no back-off is between them");
    harness.advance(harness.config.linger);
    harness.accept();
}

#[test]
fn a_broker_is_not_dialled_while_a_bootstrap_server_at_its_address_is() {
    let mut harness = Harness::new(|config| config.bootstrap = vec![Address::new("host", 9001)]);
    harness.want(TOPIC);
    drop(harness.send(0));
    let sent = harness.take();
    harness.dead_ports = vec![9001, 9002, 9003];
    harness.cut(sent.connection, None);
    harness.dials.clear();
    harness.advance_ms(9_000);
    assert_eq!(dialled_at(&harness, 9001).len(), 1, "the dial hangs");
}
