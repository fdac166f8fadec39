//! The application of a trial: sends each record when it is due, and records when each is
//! acknowledged.
//!
//! It runs on its own thread outside the producer's runtime, like an application's request
//! handlers. Tokio's timers have steps of a millisecond: records would arrive in bursts, which
//! `linger=0` would batch. A parked thread wakes about 50 µs after its deadline at any rate. The
//! thread parks between records and never spins. The producer's wakers unpark it when a batch is
//! acknowledged. The CPU time of parking is measured and subtracted, since it belongs to the
//! schedule and not to the producer.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use linger::{Delivery, DeliveryError, DeliveryErrorKind, ErrorCode, Producer, Record, SendError};

use crate::measure::cpu;
use crate::measure::latency::Latencies;
use crate::workload::pace::due;
use crate::workload::records::Records;

/// What to send, to which topic, and at which rate.
pub(crate) struct Load<'a> {
    pub(crate) records: &'a Records,
    pub(crate) topic: &'a str,
    /// Record `i` goes to partition `i % partitions`.
    pub(crate) partitions: usize,
    /// Records per second.
    pub(crate) rate: u64,
    /// Counts acknowledged records, for the progress bar.
    pub(crate) acknowledged: &'a AtomicU64,
}

/// What the application measured.
pub(crate) struct Outcome {
    /// The acknowledged offset of each record.
    pub(crate) offsets: Vec<i64>,
    /// From the call of `send` to the acknowledgement.
    pub(crate) latencies: Latencies,
    /// From the first `send` to the last acknowledgement.
    pub(crate) elapsed: Duration,
    /// From the first `send` to the end of the last.
    pub(crate) arrival_time: Duration,
    /// CPU time of the application's thread, without its parking.
    pub(crate) cpu: Option<Duration>,
}

/// Why not every record was acknowledged. Records are numbered from 1, like the lines of a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("record {number} was refused: {error}")]
    Refused { number: usize, error: SendError },
    #[error("record {number} was not delivered: {error}{hint}", hint = hint(.error))]
    Failed { number: usize, error: DeliveryError },
    #[error("record {number} was sent to partition {partition} and acknowledged as {acknowledged}")]
    Misplaced {
        number: usize,
        partition: usize,
        acknowledged: String,
    },
}

/// Advice for a failure that a setting of the topic may have caused.
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

/// Sends every record when it is due, calls `finish` after the last one, and returns when all are
/// acknowledged.
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
        application.wait_until(start + due(index as u64, load.rate))?;
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
        latencies: application.latencies,
        elapsed,
        arrival_time,
        cpu,
    })
}

/// The state of the sending thread.
struct Application<'a> {
    load: &'a Load<'a>,
    /// Unacknowledged records of each partition, in order. Acknowledgements come in that order.
    waiting: Vec<VecDeque<Sent>>,
    unacknowledged: usize,
    wake_flags: Arc<WakeFlags>,
    /// One waker per partition, then one for a waiting `send`.
    wakers: Vec<Waker>,
    offsets: Vec<i64>,
    latencies: Latencies,
    /// CPU time of parking.
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
        let wake_flags = Arc::new(WakeFlags::new(load.partitions + 1));
        let wakers = (0..=load.partitions).map(|index| {
            Waker::from(Arc::new(WakeFlag {
                flags: Arc::clone(&wake_flags),
                index,
            }))
        });
        Self {
            load,
            waiting: (0..load.partitions).map(|_| VecDeque::new()).collect(),
            unacknowledged: 0,
            wakers: wakers.collect(),
            wake_flags,
            offsets: vec![-1; load.records.len()],
            latencies: Latencies::default(),
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
        let own_waker = load.partitions;
        let waker = self.wakers[own_waker].clone();
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
            // A send that only yields to the driver has woken this thread already.
            while !self.wake_flags.take(own_waker) {
                self.park(None);
                self.collect()?;
            }
        };
        self.waiting[partition].push_back(Sent { index, at, delivery });
        self.unacknowledged += 1;
        if self.waiting[partition].len() == 1 {
            // Only the oldest delivery of a partition has a waker.
            self.collect_from(partition)?;
        }
        Ok(())
    }

    /// Takes the acknowledgements of the partitions that woke this thread.
    fn collect(&mut self) -> Result<(), LoadError> {
        if self.wake_flags.take_any() {
            for partition in 0..self.load.partitions {
                if self.wake_flags.take(partition) {
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
            self.latencies.record(latency);
            self.waiting[partition].pop_front();
            self.unacknowledged -= 1;
            self.load.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sleeps until a waker fires or until `until`. May return early, as parking may.
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

/// Which wakers fired since the application last looked.
struct WakeFlags {
    application: Thread,
    any: AtomicBool,
    fired: Vec<AtomicBool>,
}

impl WakeFlags {
    /// Flags whose wakers unpark the calling thread.
    fn new(count: usize) -> Self {
        Self {
            application: std::thread::current(),
            any: AtomicBool::new(false),
            fired: (0..count).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    fn set(&self, index: usize) {
        self.fired[index].store(true, Ordering::Release);
        self.any.store(true, Ordering::Release);
        self.application.unpark();
    }

    fn take_any(&self) -> bool {
        self.any.load(Ordering::Relaxed) && self.any.swap(false, Ordering::Acquire)
    }

    fn take(&self, index: usize) -> bool {
        self.fired[index].load(Ordering::Relaxed) && self.fired[index].swap(false, Ordering::Acquire)
    }
}

/// The waker that sets one flag.
struct WakeFlag {
    flags: Arc<WakeFlags>,
    index: usize,
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flags.set(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_flag_is_taken_once() {
        let flags = Arc::new(WakeFlags::new(3));
        assert!(!flags.take_any());
        Waker::from(Arc::new(WakeFlag {
            flags: Arc::clone(&flags),
            index: 1,
        }))
        .wake();
        assert!(flags.take_any() && !flags.take_any());
        assert!(!flags.take(0) && flags.take(1) && !flags.take(1));
        std::thread::park(); // Returns at once, since the waker has unparked this thread.
    }
}
