//! The newest [`ClusterView`]. The driver publishes it, and every `send` reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use linger_core::append::cluster_view::ClusterView;
use tokio::sync::watch;

/// Holds the newest view.
///
/// A send compares one number to see that its thread's cached view is the newest, and takes no
/// lock.
pub(crate) struct ClusterWatch {
    generation: AtomicU64,
    newest: watch::Sender<Arc<ClusterView>>,
}

impl ClusterWatch {
    pub(crate) fn new(first: Arc<ClusterView>) -> Self {
        Self {
            generation: AtomicU64::new(first.generation()),
            newest: watch::Sender::new(first),
        }
    }

    pub(crate) fn publish(&self, view: Arc<ClusterView>) {
        let generation = view.generation();
        self.newest.send_replace(view);
        self.generation.store(generation, Ordering::Release);
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn newest(&self) -> Arc<ClusterView> {
        Arc::clone(&self.newest.borrow())
    }

    /// A receiver that has not seen the newest view yet.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<ClusterView>> {
        let mut receiver = self.newest.subscribe();
        receiver.mark_changed();
        receiver
    }
}
