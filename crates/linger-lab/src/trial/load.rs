//! The application: sends each record when it is due, and notes when each is acknowledged.
//!
//! It runs on a thread of its own, outside the producer's runtime, as an application's request handlers do.
//! Tokio's timers step by a millisecond, which would let records arrive in bursts that `linger=0` would
//! batch; a parked thread wakes some 50 µs after the time asked for, whatever the rate. It parks between
//! arrivals (never spins), and the producer's wakers unpark it when a batch is acknowledged. What the parking
//! costs is measured and taken off its CPU time: it is the price of pacing, not of the producer.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use linger::{Delivery, DeliveryError, DeliveryErrorKind, ErrorCode, Producer, Record, SendError};

use crate::experiments::compare::plan::due;
use crate::measure::cpu;
use crate::workload::input::Records;

/// Longest latency that is told apart from longer ones: beyond any delivery timeout.
const LATENCY_MAX: Duration = Duration::from_secs(600);

/// What to send, where to, and how fast.
pub(crate) struct Load<'a> {
    pub records: &'a Records,
    pub topic: &'a str,
    /// Record `i` goes to partition `i % partitions`.
    pub partitions: usize,
    /// Records per second.
    pub rate: u64,
    /// Counts acknowledged records, for whoever watches.
    pub acknowledged: &'a AtomicU64,
}

/// What the application saw.
pub(crate) struct Outcome {
    /// The offset that each record was acknowledged with.
    pub offsets: Vec<i64>,
    /// From the call of `send` to the acknowledgement, in nanoseconds.
    pub latency: Histogram<u64>,
    /// From the first `send` to the last acknowledgement.
    pub elapsed: Duration,
    /// From the first `send` to the end of the last.
    pub arrival_time: Duration,
    /// CPU time of the application's thread without its waiting.
    pub cpu: Option<Duration>,
}

/// Why not every record was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The producer took no record.
    #[error("record {number} was refused: {error}")]
    Refused {
        /// Which, from 1: the line of an input file.
        number: usize,
        /// The producer's reason.
        error: SendError,
    },
    /// The producer took it and could not deliver it.
    #[error("record {number} was not delivered: {error}{hint}", hint = hint(.error))]
    Failed {
        /// Which, from 1.
        number: usize,
        /// The producer's reason.
        error: DeliveryError,
    },
    /// It was acknowledged, but not where it was sent to.
    #[error("record {number} was sent to partition {partition} and acknowledged as {acknowledged}")]
    Misplaced {
        /// Which, from 1.
        number: usize,
        /// Where it was sent.
        partition: usize,
        /// What the acknowledgement said.
        acknowledged: String,
    },
}

/// What may help against a failure that a setting of the topic has caused.
fn hint(error: &DeliveryError) -> &'static str {
    match (error.kind(), error.code()) {
        (_, Some(ErrorCode::MESSAGE_TOO_LARGE)) => {
            "; raise the topic's max.message.bytes, or leave such records out"
        }
        (_, Some(ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND)) => {
            "; fewer replicas are in sync than the topic's min.insync.replicas asks for"
        }
        (DeliveryErrorKind::Timeout, _) => {
            "; are the partition's leader and as many replicas alive as the topic's min.insync.replicas asks for?"
        }
        (_, Some(ErrorCode::INVALID_RECORD)) => "; a compacted topic takes no records without keys",
        _ => "",
    }
}

/// Sends every record when it is due, calls `finish` after the last, and returns when all are acknowledged.
///
/// The calling thread must be inside the producer's runtime
/// ([`Handle::enter`](tokio::runtime::Handle::enter)) but not one of its workers.
pub(crate) fn send_all(
    producer: &Producer,
    load: &Load<'_>,
    finish: impl FnOnce(),
) -> Result<Outcome, LoadError> {
    let mut application = Application::new(load);
    let cpu_start = cpu::of_this_thread();
    let start = Instant::now();
    for index in 0..load.records.len() {
        application.wait_until(start + due(index, load.rate))?;
        application.send(producer, index)?;
    }
    let arrival_time = start.elapsed();
    finish();
    while application.unacknowledged > 0 {
        application.park(None);
        application.collect()?;
    }
    let elapsed = start.elapsed();
    let cpu = cpu_start
        .zip(cpu::of_this_thread())
        .map(|(start, end)| (end - start).saturating_sub(application.parking));
    Ok(Outcome {
        offsets: application.offsets,
        latency: application.latency,
        elapsed,
        arrival_time,
        cpu,
    })
}

/// The sending thread's state.
struct Application<'a> {
    load: &'a Load<'a>,
    /// Per partition, what is not acknowledged, oldest first: acknowledgements come in that order.
    waiting: Vec<VecDeque<Sent>>,
    unacknowledged: usize,
    bells: Arc<Bells>,
    /// One per partition, then one for a `send` that waits.
    wakers: Vec<Waker>,
    offsets: Vec<i64>,
    latency: Histogram<u64>,
    /// CPU time spent in parking.
    parking: Duration,
    clock_cost: Duration,
}

struct Sent {
    index: usize,
    at: Instant,
    delivery: Delivery,
}

impl<'a> Application<'a> {
    fn new(load: &'a Load<'a>) -> Self {
        let bells = Arc::new(Bells::new(load.partitions + 1));
        let wakers = (0..=load.partitions).map(|index| {
            Waker::from(Arc::new(Bell {
                bells: Arc::clone(&bells),
                index,
            }))
        });
        Self {
            load,
            waiting: (0..load.partitions).map(|_| VecDeque::new()).collect(),
            unacknowledged: 0,
            wakers: wakers.collect(),
            bells,
            offsets: vec![-1; load.records.len()],
            latency: Histogram::new_with_bounds(1, LATENCY_MAX.as_nanos() as u64, 3)
                .expect("bounds that it can hold"),
            parking: Duration::ZERO,
            clock_cost: cpu::of_reading_the_clock(),
        }
    }

    /// Collects acknowledgements until the next record is due.
    fn wait_until(&mut self, due: Instant) -> Result<(), LoadError> {
        loop {
            self.collect()?;
            if Instant::now() >= due {
                return Ok(());
            }
            self.park(Some(due));
        }
    }

    fn send(&mut self, producer: &Producer, index: usize) -> Result<(), LoadError> {
        let load = self.load;
        let partition = index % load.partitions;
        let record = Record::to(load.topic)
            .partition(partition as i32)
            .value(load.records.get(index));
        let own_bell = load.partitions;
        let waker = self.wakers[own_bell].clone();
        let at = Instant::now();
        let mut sending = pin!(producer.send(record));
        let delivery = loop {
            match sending.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(Ok(delivery)) => break delivery,
                Poll::Ready(Err(error)) => {
                    return Err(LoadError::Refused {
                        number: index + 1,
                        error,
                    });
                }
                Poll::Pending => {}
            }
            // A send that only lets the producer's task run first has rung already.
            while !self.bells.answer(own_bell) {
                self.park(None);
                self.collect()?;
            }
        };
        self.waiting[partition].push_back(Sent { index, at, delivery });
        self.unacknowledged += 1;
        if self.waiting[partition].len() == 1 {
            // Only the head has been asked to wake us; the others are looked at when it has.
            self.collect_from(partition)?;
        }
        Ok(())
    }

    /// Takes in what has been acknowledged on the partitions that rang.
    fn collect(&mut self) -> Result<(), LoadError> {
        if self.bells.answer_any() {
            for partition in 0..self.load.partitions {
                if self.bells.answer(partition) {
                    self.collect_from(partition)?;
                }
            }
        }
        Ok(())
    }

    fn collect_from(&mut self, partition: usize) -> Result<(), LoadError> {
        let mut context = Context::from_waker(&self.wakers[partition]);
        while let Some(head) = self.waiting[partition].front_mut() {
            let Poll::Ready(result) = Pin::new(&mut head.delivery).poll(&mut context) else {
                break;
            };
            let (index, latency) = (head.index, head.at.elapsed());
            let metadata = result.map_err(|error| LoadError::Failed {
                number: index + 1,
                error,
            })?;
            match metadata.offset {
                Some(offset) if metadata.partition as usize == partition => self.offsets[index] = offset,
                offset => {
                    let acknowledged = format!("partition {}, offset {offset:?}", metadata.partition);
                    return Err(LoadError::Misplaced {
                        number: index + 1,
                        partition,
                        acknowledged,
                    });
                }
            }
            self.latency.saturating_record(latency.as_nanos() as u64);
            self.waiting[partition].pop_front();
            self.unacknowledged -= 1;
            self.load.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sleeps until a bell rings or `until` has come. May return early, as parking may.
    fn park(&mut self, until: Option<Instant>) {
        let before = cpu::of_this_thread();
        match until {
            Some(until) => std::thread::park_timeout(until.saturating_duration_since(Instant::now())),
            None => std::thread::park(),
        }
        if let Some((before, after)) = before.zip(cpu::of_this_thread()) {
            self.parking += after - before + self.clock_cost;
        }
    }
}

/// Which partitions' heads have been acknowledged since the application last looked.
struct Bells {
    application: Thread,
    any: AtomicBool,
    rung: Vec<AtomicBool>,
}

impl Bells {
    /// Bells that wake the calling thread.
    fn new(count: usize) -> Self {
        let rung = (0..count).map(|_| AtomicBool::new(false)).collect();
        Self {
            application: std::thread::current(),
            any: AtomicBool::new(false),
            rung,
        }
    }

    fn ring(&self, index: usize) {
        self.rung[index].store(true, Ordering::Release);
        self.any.store(true, Ordering::Release);
        self.application.unpark();
    }

    fn answer_any(&self) -> bool {
        self.any.load(Ordering::Relaxed) && self.any.swap(false, Ordering::Acquire)
    }

    fn answer(&self, index: usize) -> bool {
        self.rung[index].load(Ordering::Relaxed) && self.rung[index].swap(false, Ordering::Acquire)
    }
}

struct Bell {
    bells: Arc<Bells>,
    index: usize,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bells.ring(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_is_answered_once() {
        let bells = Arc::new(Bells::new(3));
        assert!(!bells.answer_any());
        Waker::from(Arc::new(Bell {
            bells: Arc::clone(&bells),
            index: 1,
        }))
        .wake();
        assert!(bells.answer_any() && !bells.answer_any());
        assert!(!bells.answer(0) && bells.answer(1) && !bells.answer(1));
        std::thread::park(); // the token that the bell left: returns at once
    }
}
