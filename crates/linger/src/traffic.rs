//! Counters of the traffic on the producer's connections.

use std::sync::atomic::{AtomicU64, Ordering};

/// Requests, batches and bytes that the producer's connections have carried since the producer was
/// built.
///
/// A request or a batch that is sent again is counted again. The exchange of versions that opens a
/// connection (about a hundred bytes out, a few hundred in) is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Traffic {
    /// Requests of every API. A request is counted when its last byte was handed to a socket.
    pub requests: u64,
    /// Bytes handed to sockets: length prefixes, headers and bodies, those of unfinished requests
    /// included.
    pub bytes_out: u64,
    /// Responses received whole.
    pub responses: u64,
    /// Bytes received, those of unfinished responses included.
    pub bytes_in: u64,
    /// Produce requests among the requests.
    pub produce_requests: u64,
    /// Bytes of the produce requests, with length prefix and header.
    pub produce_bytes: u64,
    /// Record batches in the produce requests.
    pub batches: u64,
}

impl Traffic {
    /// The difference to an earlier snapshot of the same producer: what was counted after it.
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

/// The counters that make a [`Traffic`]. Only the driver writes them, a few times per request; any
/// thread may read them.
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
    pub(crate) fn wrote(&self, bytes: u64) {
        add(&self.bytes_out, bytes);
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

/// A counter has one writer, so that a load and a store are enough: an atomic addition would lock
/// the bus.
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}
