//! The sender's ordinary course. What belongs to a part is tested beside that part.

use std::time::Duration;

use super::harness::{LINGER, idempotent, is_open, offset, ok, open};
use crate::append::doorbell::Sleep;

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
    assert_eq!(harness.sleep_kind(), Sleep::Idle);
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
