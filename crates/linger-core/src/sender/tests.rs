//! The sender as a whole, in a rig: its ordinary course here, and what is special in a module for each subject.

mod batching;
mod close;
mod epochs;
mod expiry;
mod lanes;
mod leaders;
mod links;
mod requests;
mod retries;
mod splits;
mod topics;

use std::time::Duration;

use super::rig::{Rig, is_open, offset, ok};
use crate::doorbell::Sleep;

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
    rig.is_swift();
    rig
}

/// A rig whose deliveries time out soon after a request that is not answered.
fn short_lived() -> Rig {
    Rig::ready(|config| config.delivery_timeout = Duration::from_secs(36))
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
