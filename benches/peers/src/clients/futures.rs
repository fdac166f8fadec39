//! The workloads of clients whose deliveries are futures.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use linger_lab::measure::latency::Latencies;
use linger_lab::workload::pace::{due, sleep_until, wake_on_time};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::unconstrained;

use crate::outcome::{Measured, Stopwatch};
use crate::task::{RECORDS_PER_CHECK, WINDOW};
use crate::workload::{Kind, Workload};

/// A client with an asynchronous API.
pub(crate) trait FutureClient: Send + Sync + 'static {
    /// Resolves when the record is acknowledged.
    type Delivery: Future<Output = Result<(), String>> + Send + Unpin;

    /// The largest number of unacknowledged deliveries. At this number the oldest is awaited.
    const WINDOW: usize = WINDOW;

    /// Sends record `index`, and waits while the client has no room.
    fn send(&self, index: u64) -> impl Future<Output = Result<Self::Delivery, String>> + Send;

    /// Sends record `index` from any thread without waiting; `None` if the client cannot.
    fn try_send(&self, _index: u64) -> Option<Self::Delivery> {
        None
    }

    /// Sends everything without lingering.
    fn flush(&self) -> impl Future<Output = Result<(), String>> + Send;
}

/// How a workload learns of deliveries, for the settings of the client.
pub(crate) fn describe<C: FutureClient>(workload: &Workload) -> String {
    match workload.kind {
        Kind::Throughput => format!(
            "deliveries awaited in order: each {RECORDS_PER_CHECK} records those that have arrived are taken, and with {} \
             outstanding the oldest is waited for",
            C::WINDOW
        ),
        Kind::Tasks | Kind::Idle => "each delivery awaited by its sender".into(),
        Kind::Paced => "each record sent by the thread that paces, where the client can do so without waiting, and awaited by \
                        a task of its own"
            .into(),
    }
}

/// Does a workload, after one record that does not count.
pub(crate) fn run<C: FutureClient>(
    runtime: &Runtime,
    client: C,
    workload: &Workload,
) -> Result<Measured, String> {
    let client = Arc::new(client);
    runtime.block_on(async { client.send(0).await?.await })?;
    let workload = workload.clone();
    // A task sends on a worker of the runtime, as an application does.
    let task = match workload.kind {
        Kind::Paced => return paced(runtime, &client, &workload),
        Kind::Throughput => runtime.spawn(async move { throughput(&*client, workload.time()).await }),
        Kind::Tasks => runtime.spawn(tasks(client, workload)),
        Kind::Idle => runtime.spawn(async move { idle(&*client, workload.time()).await }),
    };
    runtime.block_on(task).map_err(|error| error.to_string())?
}

async fn throughput<C: FutureClient>(client: &C, time: Duration) -> Result<Measured, String> {
    let mut window: VecDeque<C::Delivery> = VecDeque::new();
    let watch = Stopwatch::start();
    let mut records = 0;
    let mut acknowledged = 0;
    while watch.started.elapsed() < time {
        for _ in 0..RECORDS_PER_CHECK {
            if window.len() == C::WINDOW
                && let Some(oldest) = window.pop_front()
            {
                oldest.await?;
                acknowledged += 1;
            }
            window.push_back(client.send(records).await?);
            records += 1;
        }
        // Without Tokio's budget for tasks, which would allow 128 deliveries per check.
        acknowledged += unconstrained(poll_fn(|_| Poll::Ready(take_arrived(&mut window)))).await?;
    }
    let drain = async {
        for delivery in window {
            delivery.await?;
            acknowledged += 1;
        }
        Ok(watch.stop(records, acknowledged, None))
    };
    let (measured, flushed) = tokio::join!(drain, client.flush());
    flushed.and(measured)
}

/// Removes the oldest deliveries that are resolved, without waiting. Returns their number.
pub(super) fn take_arrived<D>(window: &mut VecDeque<D>) -> Result<u64, String>
where
    D: Future<Output = Result<(), String>> + Unpin,
{
    // A waker that does nothing: the next check or the final wait polls again.
    let mut cx = Context::from_waker(Waker::noop());
    let mut count = 0;
    while let Some(oldest) = window.front_mut() {
        match Pin::new(oldest).poll(&mut cx) {
            Poll::Ready(delivered) => delivered?,
            Poll::Pending => break,
        }
        window.pop_front();
        count += 1;
    }
    Ok(count)
}

async fn tasks<C: FutureClient>(client: Arc<C>, workload: Workload) -> Result<Measured, String> {
    let time = workload.time();
    let watch = Stopwatch::start();
    let started = watch.started;
    let sent = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..workload.tasks)
        .map(|_| {
            let (client, sent) = (Arc::clone(&client), Arc::clone(&sent));
            tokio::spawn(async move {
                let mut acknowledged = 0_u64;
                while started.elapsed() < time {
                    client.send(sent.fetch_add(1, Ordering::Relaxed)).await?.await?;
                    acknowledged += 1;
                }
                Ok::<u64, String>(acknowledged)
            })
        })
        .collect();
    let mut acknowledged = 0;
    for task in tasks {
        acknowledged += task.await.map_err(|error| error.to_string())??;
    }
    Ok(watch.stop(sent.load(Ordering::Relaxed), acknowledged, None))
}

async fn idle<C: FutureClient>(client: &C, time: Duration) -> Result<Measured, String> {
    let mut latencies = Latencies::default();
    let watch = Stopwatch::start();
    let mut records = 0;
    while watch.started.elapsed() < time {
        let called = Instant::now();
        client.send(records).await?.await?;
        latencies.record(called.elapsed());
        records += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(watch.stop(records, records, Some(latencies)))
}

/// Sends and awaits each record in a new task, which this thread spawns when the record is due. In
/// a service, each record belongs to a request in the same way.
fn paced<C: FutureClient>(
    runtime: &Runtime,
    client: &Arc<C>,
    workload: &Workload,
) -> Result<Measured, String> {
    let results = Arc::new(Mutex::new(Ok::<_, String>(Latencies::default())));
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let records = workload.rate * workload.seconds;
    wake_on_time().map_err(|error| format!("cannot set the timer slack: {error}"))?;
    let watch = Stopwatch::start();
    for index in 0..records {
        let due = watch.started + due(index, workload.rate);
        sleep_until(due);
        let (client, results, acknowledged) = (
            Arc::clone(client),
            Arc::clone(&results),
            Arc::clone(&acknowledged),
        );
        let alive = alive.clone();
        // This thread sends the record, as with the clients that have callbacks.
        let sent = client.try_send(index);
        runtime.spawn(async move {
            let delivered = match sent {
                Some(delivery) => delivery.await,
                None => async { client.send(index).await?.await }.await,
            };
            let took = due.elapsed();
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            match (delivered, &mut *results) {
                (Ok(()), Ok(latencies)) => {
                    latencies.record(took);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                (Err(error), results @ Ok(_)) => *results = Err(error),
                // The first error is reported.
                (_, Err(_)) => {}
            }
            drop(alive);
        });
    }
    drop(alive);
    // The channel carries nothing. It closes when the last task has ended.
    runtime.block_on(all_gone.recv());
    let results = results.lock().unwrap_or_else(PoisonError::into_inner);
    let latencies = results.clone()?;
    Ok(watch.stop(records, acknowledged.load(Ordering::Relaxed), Some(latencies)))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Delivery = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

    fn arrived(result: Result<(), String>) -> Delivery {
        Box::pin(std::future::ready(result))
    }

    fn under_way() -> Delivery {
        Box::pin(std::future::pending())
    }

    #[test]
    fn a_check_takes_resolved_deliveries_up_to_the_first_unresolved_one() {
        let mut window = VecDeque::from([arrived(Ok(())), arrived(Ok(())), under_way(), arrived(Ok(()))]);
        assert_eq!(take_arrived(&mut window), Ok(2));
        assert_eq!(take_arrived(&mut window), Ok(0));
        assert_eq!(window.len(), 2);
    }

    #[test]
    fn a_check_reports_a_failure() {
        let mut window = VecDeque::from([arrived(Ok(())), arrived(Err("too large".into()))]);
        assert_eq!(take_arrived(&mut window), Err("too large".into()));
    }
}
