//! The workloads on clients whose deliveries are futures.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::unconstrained;

use super::pace::{due_times, sleep_until, wake_on_time};
use super::{RECORDS_PER_LOOK, WINDOW};
use crate::outcome::{Latencies, Measured, Stopwatch};
use crate::workload::{Kind, Workload};

/// A client with an asynchronous API.
pub(crate) trait Awaited: Send + Sync + 'static {
    /// Resolves when the record is acknowledged.
    type Delivery: Future<Output = Result<(), String>> + Send + Unpin;

    /// How many deliveries wait at most: with so many, the oldest is awaited.
    const WINDOW: usize = WINDOW;

    /// Hands over record `index`, waiting until the client has room.
    fn send(&self, index: u64) -> impl Future<Output = Result<Self::Delivery, String>> + Send;

    /// Hands over record `index` at once, on whatever thread this is; `None` if the client cannot without waiting.
    fn try_send(&self, _index: u64) -> Option<Self::Delivery> {
        None
    }

    /// Has everything leave without lingering.
    fn flush(&self) -> impl Future<Output = Result<(), String>> + Send;
}

/// How a workload learns of deliveries.
pub(crate) fn describe<C: Awaited>(workload: &Workload) -> String {
    match workload.kind {
        Kind::Throughput => format!(
            "deliveries awaited in order: each {RECORDS_PER_LOOK} records those that have arrived are taken, and with {} \
             outstanding the oldest is waited for",
            C::WINDOW
        ),
        Kind::Tasks | Kind::Idle => "each delivery awaited by its sender".into(),
        Kind::Paced => "each record sent by the thread that paces, where the client can do so without waiting, and awaited by \
                        a task of its own"
            .into(),
    }
}

/// Does a workload, after one record that nobody counts.
pub(crate) fn run<C: Awaited>(runtime: &Runtime, client: C, workload: &Workload) -> Result<Measured, String> {
    let client = Arc::new(client);
    runtime.block_on(async { client.send(0).await?.await })?;
    let workload = workload.clone();
    // A task, so that sending runs on a worker of the runtime as an application's would.
    let task = match workload.kind {
        Kind::Paced => return paced(runtime, &client, &workload),
        Kind::Throughput => runtime.spawn(async move { throughput(&*client, workload.time()).await }),
        Kind::Tasks => runtime.spawn(tasks(client, workload)),
        Kind::Idle => runtime.spawn(async move { idle(&*client, workload.time()).await }),
    };
    runtime.block_on(task).map_err(|error| error.to_string())?
}

async fn throughput<C: Awaited>(client: &C, time: Duration) -> Result<Measured, String> {
    let mut window: VecDeque<C::Delivery> = VecDeque::new();
    let watch = Stopwatch::start();
    let mut records = 0;
    let mut acknowledged = 0;
    while watch.started.elapsed() < time {
        for _ in 0..RECORDS_PER_LOOK {
            if window.len() == C::WINDOW
                && let Some(oldest) = window.pop_front()
            {
                oldest.await?;
                acknowledged += 1;
            }
            window.push_back(client.send(records).await?);
            records += 1;
        }
        // Without the budget by which Tokio has a task give way: it would tell of no more than 128 at a look.
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

/// Takes the oldest deliveries as far as they have arrived, waiting for none, and gives how many they were.
pub(super) fn take_arrived<D>(window: &mut VecDeque<D>) -> Result<u64, String>
where
    D: Future<Output = Result<(), String>> + Unpin,
{
    // Wakes nobody: the next look asks again, and so does whoever awaits the delivery after all.
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

async fn tasks<C: Awaited>(client: Arc<C>, workload: Workload) -> Result<Measured, String> {
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

async fn idle<C: Awaited>(client: &C, time: Duration) -> Result<Measured, String> {
    let mut latencies = Latencies::new();
    let watch = Stopwatch::start();
    let mut records = 0;
    while watch.started.elapsed() < time {
        let called = Instant::now();
        client.send(records).await?.await?;
        latencies.record(called.elapsed());
        records += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(watch.stop(records, records, Some(latencies.summary())))
}

/// Each record is sent and awaited by a task of its own, which this thread spawns when the record is due: as in a
/// service, where each record belongs to a request.
fn paced<C: Awaited>(runtime: &Runtime, client: &Arc<C>, workload: &Workload) -> Result<Measured, String> {
    let results = Arc::new(Mutex::new(Ok::<_, String>(Latencies::new())));
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let records = workload.rate * workload.seconds;
    wake_on_time()?;
    let watch = Stopwatch::start();
    for (index, due) in due_times(watch.started, workload) {
        sleep_until(due);
        let (client, results, acknowledged) = (
            Arc::clone(client),
            Arc::clone(&results),
            Arc::clone(&acknowledged),
        );
        let alive = alive.clone();
        // As the clients with callbacks are used: whoever has the record hands it over.
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
                // The first error is the one that is told.
                (_, Err(_)) => {}
            }
            drop(alive);
        });
    }
    drop(alive);
    // Nothing is ever sent: this waits until the last task has dropped its end.
    runtime.block_on(all_gone.recv());
    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
    let latencies = results.as_mut().map_err(|error| error.clone())?;
    Ok(watch.stop(
        records,
        acknowledged.load(Ordering::Relaxed),
        Some(latencies.summary()),
    ))
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
    fn a_look_takes_what_has_arrived_up_to_the_first_that_has_not() {
        let mut window = VecDeque::from([arrived(Ok(())), arrived(Ok(())), under_way(), arrived(Ok(()))]);
        assert_eq!(take_arrived(&mut window), Ok(2));
        assert_eq!(take_arrived(&mut window), Ok(0));
        assert_eq!(window.len(), 2);
    }

    #[test]
    fn a_look_tells_of_a_failure() {
        let mut window = VecDeque::from([arrived(Ok(())), arrived(Err("too large".into()))]);
        assert_eq!(take_arrived(&mut window), Err("too large".into()));
    }
}
