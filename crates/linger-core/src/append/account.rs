//! Who learns what became of one partition's records: its counts, the flushes, and the list of what
//! a close handed back.
//!
//! Batches know the account of their partition, not its queue: the queue owns its batches.

use std::sync::{Arc, Mutex};

use crate::append::flush::FlushBook;
use crate::append::ledger::{Settled, SettledCounts, Stage};
use crate::append::lock::lock;
use crate::append::memory::MemoryBudget;
use crate::append::shared::Shared;
use crate::error::Certainty;
use crate::undelivered::Undelivered;

#[derive(Debug)]
pub(crate) struct Account {
    topic: Arc<str>,
    partition: i32,
    settled: Mutex<SettledCounts>,
    shared: Arc<Shared>,
}

impl Account {
    pub(crate) fn new(topic: Arc<str>, partition: i32, shared: Arc<Shared>) -> Self {
        Self {
            topic,
            partition,
            settled: Mutex::default(),
            shared,
        }
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Partition index within the topic.
    pub(crate) fn partition(&self) -> i32 {
        self.partition
    }

    pub(crate) fn memory(&self) -> &Arc<MemoryBudget> {
        &self.shared.memory
    }

    pub(crate) fn flushes(&self) -> &FlushBook {
        &self.shared.flushes
    }

    /// Counts records that are settled.
    pub(crate) fn settle(&self, stage: Stage, count: u32, settled: Settled) {
        lock(&self.settled).add(stage, count, settled);
    }

    pub(crate) fn settled(&self) -> SettledCounts {
        *lock(&self.settled)
    }

    pub(crate) fn hand_back(&self, undelivered: Arc<Undelivered>, certainty: Certainty) {
        self.shared.hand_back(undelivered, certainty);
    }
}
