//! What the producer's connections have carried, in counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes, requests and batches that have gone through the producer's sockets since it was built.
///
/// What was sent again, because a broker did not answer or did not lead, is counted again: this is the cost, not the
/// content. The exchange of versions that opens a connection (a hundred bytes out, a few hundred in) is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Traffic {
    /// Requests of every API of which every byte was handed to a socket.
    pub requests: u64,
    /// Bytes handed to sockets: length prefixes, headers, bodies; those of requests under way too.
    pub bytes_out: u64,
    /// Answers received whole.
    pub responses: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Produce requests among the requests.
    pub produce_requests: u64,
    /// Their bytes, length prefix, header and all.
    pub produce_bytes: u64,
    /// Record batches in them.
    pub batches: u64,
}

impl Traffic {
    /// What was counted after `earlier` and up to this snapshot.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            bytes_out: self.bytes_out.saturating_sub(earlier.bytes_out),
            responses: self.responses.saturating_sub(earlier.responses),
            bytes_in: self.bytes_in.saturating_sub(earlier.bytes_in),
            produce_requests: self.produce_requests.saturating_sub(earlier.produce_requests),
            produce_bytes: self.produce_bytes.saturating_sub(earlier.produce_bytes),
            batches: self.batches.saturating_sub(earlier.batches),
        }
    }
}

/// Where the connections count. Only the driver writes, a few times per request; anyone may read.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    bytes_out: AtomicU64,
    responses: AtomicU64,
    bytes_in: AtomicU64,
    produce_requests: AtomicU64,
    produce_bytes: AtomicU64,
    batches: AtomicU64,
}

impl Counters {
    pub(crate) fn wrote(&self, bytes: usize) {
        add(&self.bytes_out, bytes as u64);
    }

    pub(crate) fn read(&self, bytes: usize) {
        add(&self.bytes_in, bytes as u64);
    }

    pub(crate) fn request_written(&self) {
        add(&self.requests, 1);
    }

    pub(crate) fn produce_written(&self, bytes: usize, batches: usize) {
        add(&self.produce_requests, 1);
        add(&self.produce_bytes, bytes as u64);
        add(&self.batches, batches as u64);
    }

    pub(crate) fn response_read(&self) {
        add(&self.responses, 1);
    }

    pub(crate) fn snapshot(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            requests: read(&self.requests),
            bytes_out: read(&self.bytes_out),
            responses: read(&self.responses),
            bytes_in: read(&self.bytes_in),
            produce_requests: read(&self.produce_requests),
            produce_bytes: read(&self.produce_bytes),
            batches: read(&self.batches),
        }
    }
}

/// There is one writer, so that a load and a store do, without the bus lock of an atomic addition.
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}
