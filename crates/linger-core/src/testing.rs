//! What the unit tests of this crate share.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use crate::address::Address;
use crate::append::accumulator::Accumulator;
use crate::append::queue::PartitionQueue;
use crate::config::Config;

/// The origin of a test's time, to which it adds.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had in no other way; nothing depends on which"
)]
pub(crate) fn origin() -> Instant {
    Instant::now()
}

/// A task that only counts how often it was woken.
#[derive(Default)]
pub(crate) struct Task {
    woken: AtomicUsize,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
    }
}

impl Task {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn woken(&self) -> usize {
        self.woken.load(Ordering::SeqCst)
    }

    pub(crate) fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(&Waker::from(self.clone())))
    }
}

/// A configuration of small numbers, changed by `change`.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let mut config = Config {
        bootstrap: vec![Address::new("localhost", 9092)],
        ..Config::default()
    };
    change(&mut config);
    Arc::new(config.validate().unwrap())
}

/// An accumulator and the queue of partition 0 of topic `t`.
pub(crate) fn queue(change: impl FnOnce(&mut Config)) -> (Arc<Accumulator>, Arc<PartitionQueue>) {
    let accumulator = Accumulator::new(config(change));
    let queue = accumulator.queue(&"t".into(), 0);
    (accumulator, queue)
}
