//! What all queues of a producer share: memory, doorbell, flushes, and the batches that a close
//! handed back.
//!
//! It knows no queue.

use std::sync::{Arc, Mutex};

use linger_protocol::records::Compression;

use crate::append::doorbell::Doorbell;
use crate::append::flush::FlushBook;
use crate::append::lock::lock;
use crate::append::memory::MemoryBudget;
use crate::config::Config;
use crate::error::Certainty;
use crate::undelivered::Undelivered;

/// Records that a close handed back, one entry per batch, with what is known of whether they were
/// written.
pub type HandedBack = Vec<(Arc<Undelivered>, Certainty)>;

#[derive(Debug)]
pub(crate) struct Shared {
    /// `batch.size`, or `batch_limit` if that is less.
    pub(crate) batch_size: usize,
    /// Bytes, header included, that a waiting batch may grow to.
    pub(crate) batch_limit: usize,
    pub(crate) config: Arc<Config>,
    pub(crate) memory: Arc<MemoryBudget>,
    pub(crate) doorbell: Doorbell,
    pub(crate) flushes: FlushBook,
    handed_back: Mutex<HandedBack>,
}

impl Shared {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self {
            batch_size: config.batch_size.min(config.batch_limit()),
            batch_limit: config.batch_limit(),
            memory: MemoryBudget::new(config.buffer_memory),
            doorbell: Doorbell::default(),
            flushes: FlushBook::new(),
            handed_back: Mutex::new(Vec::new()),
            config,
        }
    }

    pub(crate) fn compression(&self) -> Compression {
        self.config.compression
    }

    pub(crate) fn hand_back(&self, undelivered: Arc<Undelivered>, certainty: Certainty) {
        lock(&self.handed_back).push((undelivered, certainty));
    }

    pub(crate) fn take_handed_back(&self) -> HandedBack {
        std::mem::take(&mut lock(&self.handed_back))
    }
}
