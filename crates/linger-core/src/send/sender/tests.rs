//! The sender as a whole, in a harness: its ordinary course here, and what is special in a module for each subject.

#[path = "../drain/tests/batching.rs"]
mod batching;
#[path = "../closing/tests.rs"]
mod close;
#[path = "../partition/tests/epochs.rs"]
mod epochs;
#[path = "../partition/tests/expiry.rs"]
mod expiry;
#[path = "../connection_pool/tests.rs"]
mod lanes;
#[path = "../discovery/tests/leaders.rs"]
mod leaders;
#[path = "../brokers/tests.rs"]
mod links;
#[path = "../drain/tests/requests.rs"]
mod requests;
#[path = "../partition/tests/retries.rs"]
mod retries;
#[path = "../partition/tests/splits.rs"]
mod splits;
#[path = "../discovery/tests/topics.rs"]
mod topics;

use std::time::Duration;

use super::harness::{Harness, is_open, offset, ok};
use crate::append::doorbell::Sleep;

const LINGER: Duration = Duration::from_millis(5);

fn idempotent() -> Harness {
    Harness::ready(|_| {})
}

fn plain() -> Harness {
    Harness::ready(|config| config.enable_idempotence = false)
}

/// A harness whose partition 0 has had its first success, so that up to five batches may be out.
fn open() -> Harness {
    let mut harness = idempotent();
    drop(harness.send(0));
    harness.accept();
    harness.is_swift();
    harness
}

/// A harness whose deliveries time out soon after a request that is not answered.
fn short_lived() -> Harness {
    Harness::ready(|config| config.delivery_timeout = Duration::from_secs(36))
}

#[test]
fn a_record_goes_all_the_way() {
    let mut harness = idempotent();
    let delivery = harness.append(0, b"hello");
    harness.run();
    harness.assert_idle();
    assert_eq!(harness.sender.poll_timeout(), Some(harness.now + LINGER));
    harness.advance(LINGER);
    let sent = harness.take();
    assert_eq!((sent.broker, sent.version), (0, 12));
    assert_eq!(sent.only(), (0, 0, 1));
    assert_eq!(sent.batches[0].producer_id, 1001);
    assert!(is_open(&delivery));
    harness.reply(&sent, |_| ok());
    assert_eq!(offset(&delivery), Some(100));
    assert_eq!(harness.accumulator.memory().used(), 0);
}

#[test]
fn an_idle_sender_sleeps() {
    let mut harness = open();
    let woken = std::cell::Cell::new(0);
    let until = harness.now + Duration::from_secs(200);
    while harness.sender.poll_timeout().is_some_and(|at| at < until) {
        harness.now = harness.sender.poll_timeout().expect("just seen");
        harness.run();
        woken.set(woken.get() + 1);
        assert!(
            woken.get() < 10,
            "an idle producer wakes up {} times",
            woken.get()
        );
    }
    assert_eq!(harness.sender.sleep_kind(), Sleep::Idle);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut harness = open();
        let mut trace = Vec::new();
        for round in 0..60 {
            drop(harness.send(round % 4));
            while !harness.produced.is_empty() {
                let produced = match (round + trace.len() as i32) % 3 {
                    0 => harness.refuse(19),
                    1 => harness.lose(),
                    _ => harness.accept(),
                };
                trace.push((harness.elapsed_ms(), produced.partitions()));
                harness.advance_ms(137);
            }
        }
        (
            trace,
            harness
                .dials
                .iter()
                .map(|dial| (dial.0 - harness.start, dial.2))
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
