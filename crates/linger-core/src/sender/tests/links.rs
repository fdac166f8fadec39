//! Connections: which are dialled, when again, and what the broker at the other end can do.

use std::time::Duration;

use linger_protocol::records::Compression;

use super::{idempotent, open};
use crate::error::Certainty::PossiblyWritten;
use crate::error::DeliveryErrorKind as Kind;
use crate::sender::rig::{Produced, Rig, TOPIC, failure, offset, ok};

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
        rig.topic().partitions[0] = (leader, epoch);
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
fn brokers_that_cannot_be_reached_are_dialled_with_a_backoff() {
    let mut rig = idempotent();
    drop(rig.send(0));
    let sent = rig.take();
    rig.dead_ports = vec![9001];
    rig.cut(sent.c, None);
    let before = rig.dials.len();
    for _ in 0..600 {
        rig.advance_ms(100);
        rig.fail_dials();
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
    rig.topic().partitions = vec![(4, 9); 4];
    rig.cut(sent.c, None);
    for _ in 0..20 {
        rig.advance_ms(100);
        rig.fail_dials();
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
fn connections_that_carry_nothing_are_closed_and_dialled_again_when_needed() {
    let mut rig = Rig::ready(|config| {
        config.connections_max_idle = Duration::from_secs(100);
        config.metadata_max_age = Duration::from_secs(3_600);
    });
    drop(rig.send(0));
    rig.accept();
    let (dials, questions) = (rig.dials.len(), rig.metadata_asked);
    rig.advance_ms(99_000);
    assert_eq!(rig.live.len(), 1, "{:?}", rig.live);
    rig.advance_ms(2_000);
    assert!(rig.live.is_empty(), "{:?}", rig.live);
    rig.advance_ms(500_000);
    assert_eq!(
        (rig.dials.len(), rig.metadata_asked),
        (dials, questions),
        "that is no failure"
    );
    let before = rig.now;
    let delivery = rig.append(0, b"value");
    rig.run();
    assert_eq!(
        rig.dials.last().map(|(at, ..)| *at),
        Some(before),
        "and no backoff"
    );
    rig.advance(rig.config.linger);
    // A request in flight is no idleness, however long its answer takes.
    let produced = rig.take();
    rig.advance_ms(29_000);
    rig.reply(&produced, |_| ok());
    assert!(offset(&delivery).is_some());
}

#[test]
fn a_silence_that_outlives_its_connection_ends() {
    let mut rig = idempotent();
    let first = sent_with_throttle(&mut rig, 2_000);
    drop(rig.send(0));
    rig.assert_idle();
    rig.cut(first.c, None);
    rig.advance_ms(1_900);
    rig.assert_idle();
    rig.advance_ms(200);
    assert_eq!(rig.take().partitions(), [0]);
}

#[test]
fn a_connection_that_rests_in_its_brokers_silence_comes_back() {
    let mut rig = Rig::ready(|config| config.connections_max_idle = Duration::from_millis(500));
    let _ = sent_with_throttle(&mut rig, 2_000);
    drop(rig.send(0));
    rig.advance_ms(1_900);
    rig.assert_idle();
    rig.advance_ms(200);
    assert_eq!(rig.take().partitions(), [0]);
}

/// A request that is answered with the wish for silence.
fn sent_with_throttle(rig: &mut Rig, throttle_time_ms: i32) -> Produced {
    drop(rig.send(0));
    let produced = rig.take();
    rig.reply_with(
        &produced,
        |_| ok(),
        |response| response.throttle_time_ms = throttle_time_ms,
    );
    produced
}
