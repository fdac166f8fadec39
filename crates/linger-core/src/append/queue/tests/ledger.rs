//! What is counted of every record, and of those before a flush.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use linger_protocol::records::{Record, Scratch};

use super::{STAMP, append, encode, stamp_next, timed_out};
use crate::append::appended::AppendError;
use crate::append::batch::StampedBatch;
use crate::append::queue::PartitionQueue;
use crate::append::queue::head::Head;
use crate::error::{DeliveryError, DeliveryErrorKind};
use crate::testing::{Task, origin, queue};

#[test]
fn a_flush_counts_what_was_accepted_before_it() {
    let (accumulator, queue) = queue(|_| {});
    let _before = append(&queue, b"before", origin());
    let flush = accumulator.begin_flush();
    assert!(!accumulator.flush_done(flush));
    assert!(encode(&queue));
    let _after = append(&queue, b"after", origin());
    stamp_next(&queue).unwrap().acknowledge(Some(0), None);
    assert!(accumulator.flush_done(flush));
    let flushed = accumulator.end_flush(flush);
    assert_eq!((flushed.acknowledged, flushed.failed), (1, 0));
}

/// Ends the watch when it is dropped, also by a panic.
struct Watched<'a>(&'a AtomicBool);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Threads append while one seals, encodes, takes, and resolves in every way: at each look the
/// ledger balances, the budget is kept, and in the end every delivery is resolved, in order within
/// its thread, and all memory is back.
#[test]
fn the_ledger_balances_at_every_moment_under_concurrent_senders() {
    const THREADS: usize = 4;
    const RECORDS: usize = 4_000;
    let (accumulator, queue) = queue(|config| {
        config.batch_size = 2_000;
        config.batch_size_max = Some(6_000);
        config.buffer_memory = 64 * 1024;
        config.compression = "lz4".parse().unwrap();
    });
    let topic: Arc<str> = "t".into();
    let queues = [queue, accumulator.queue(&topic, 1), accumulator.queue(&topic, 2)];
    let sending = AtomicU64::new(THREADS as u64);
    let watching = AtomicBool::new(true);
    let deliveries = std::thread::scope(|scope| {
        // If this thread panics, the others end instead of waiting for it.
        let watched = Watched(&watching);
        let senders: Vec<_> = (0..THREADS)
            .map(|n| {
                let (accumulator, queues, sending, watching) = (&accumulator, &queues, &sending, &watching);
                scope.spawn(move || {
                    let task = Task::new();
                    let mut deliveries = Vec::new();
                    for round in 0..RECORDS {
                        let value = [round as u8; 90];
                        let record = Record {
                            value: Some(&value[..1 + round % 90]),
                            ..Record::default()
                        };
                        let queue = &queues[(round / 50 + n) % queues.len()];
                        let mut appended = queue.append(&record, 0, None, origin);
                        while let Err(AppendError::NeedMemory { bytes, .. }) = appended {
                            let mut wait = accumulator.memory().wait(bytes);
                            let mut turn = loop {
                                match task.poll(&mut wait) {
                                    Poll::Ready(turn) => break turn,
                                    Poll::Pending => {
                                        assert!(watching.load(Ordering::SeqCst), "the sender has panicked");
                                        std::thread::yield_now();
                                    }
                                }
                            };
                            appended = queue.append(&record, 0, Some(&mut turn), origin);
                        }
                        deliveries.push(appended.expect("it is not closed").delivery);
                    }
                    sending.fetch_sub(1, Ordering::SeqCst);
                    deliveries
                })
            })
            .collect();
        scope.spawn(|| {
            while watching.load(Ordering::SeqCst) {
                let ledger = accumulator.ledger();
                assert!(ledger.is_balanced(), "{ledger:?}");
                let memory = accumulator.memory();
                // A split may overdraw by two parts; there is one at a time. The two numbers are read apart.
                assert!(memory.used() <= memory.limit() + 2 * 8192 && memory.idle() <= memory.limit());
                std::thread::yield_now();
            }
        });
        let mut scratch = Scratch::new();
        let mut round = 0;
        loop {
            let last = sending.load(Ordering::SeqCst) == 0;
            for queue in &queues {
                resolve_some(queue, &mut scratch, &mut round);
            }
            accumulator.memory().relieve();
            if last && accumulator.ledger().unresolved() == 0 {
                break;
            }
        }
        drop(watched);
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect::<Vec<_>>()
    });
    let outcomes: Vec<_> = deliveries
        .iter()
        .flatten()
        .map(|delivery| delivery.outcome().expect("resolved"))
        .collect();
    assert_eq!(outcomes.len(), THREADS * RECORDS);
    let ledger = accumulator.ledger();
    assert_eq!(ledger.accepted, (THREADS * RECORDS) as u64);
    assert_eq!(
        ledger.acknowledged,
        outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64
    );
    assert!(ledger.failed > 0 && ledger.returned > 0 && ledger.is_balanced());
    drop(accumulator.take_handed_back());
    assert_eq!(accumulator.memory().used(), 0);
    let flush = accumulator.begin_flush();
    assert!(accumulator.flush_done(flush));
}

fn resolve_some(queue: &Arc<PartitionQueue>, scratch: &mut Scratch, round: &mut u64) {
    loop {
        let taken = queue.take_head(usize::MAX, |_| true, scratch);
        *round += 1;
        let job = taken.job.map(|job| match *round % 17 {
            0 => drop(job),
            1 => {
                let _ = queue.purge(|| DeliveryError::not_written(DeliveryErrorKind::Closed));
                queue.put_encoded(job.run(scratch));
            }
            _ => queue.put_encoded(job.run(scratch)),
        });
        match taken.head {
            Head::Batch(batch) => resolve(batch.stamp(STAMP), scratch, *round),
            Head::TooLarge => unreachable!("there is no limit"),
            Head::Nothing if job.is_none() => return,
            Head::Nothing => {}
        }
    }
}

fn resolve(mut batch: StampedBatch, scratch: &mut Scratch, round: u64) {
    match round % 7 {
        0 => drop(batch),
        1 => {
            batch.note_possibly_written();
            batch.fail(timed_out());
        }
        2 => match batch.split_job() {
            Ok(job) => job
                .run(scratch)
                .parts
                .into_iter()
                .for_each(|part| part.acknowledge(Some(0), None)),
            Err(batch) => batch.acknowledge(Some(0), None),
        },
        3 => {
            let job = batch.without_culprits(&[0], timed_out());
            let others = job.into_iter().flat_map(|job| job.run(scratch).parts);
            others.for_each(|part| part.acknowledge(Some(1), None));
        }
        _ => batch.acknowledge(Some(0), None),
    }
}
