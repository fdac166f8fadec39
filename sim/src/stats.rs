//! What the brokers' sockets saw: counters per broker, snapshots of them, and differences of
//! snapshots.
//!
//! Bytes and requests are counted at the sockets, so that an experiment can compare what clients
//! cost with what they claim.

use std::fmt;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use linger_protocol::ApiKey;
use linger_sim_model::BatchCounts;

/// API keys are counted up to this one; Kafka's highest is below 100.
const API_KEYS: usize = 128;

/// Counters at one moment: of one broker, or summed over a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now. A difference keeps the later value.
    pub connections_open: u64,
    /// Connections closed because what they sent is not Kafka's protocol.
    pub non_kafka_connections: u64,
    /// Requests of every API.
    pub requests: u64,
    /// Produce requests.
    pub produce_requests: u64,
    /// Record batches in produce requests, those that were refused included.
    pub batches: u64,
    /// Records in those batches, as their headers say.
    pub records: u64,
    /// Bytes of produce requests on the socket, length prefix and header included.
    pub produce_bytes: u64,
    /// Bytes of the record batches in them, batch headers included.
    pub batch_bytes: u64,
    /// Bytes received in all.
    pub bytes_in: u64,
    /// Bytes sent in all.
    pub bytes_out: u64,
    requests_by_api: [u64; API_KEYS],
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            connections: 0,
            connections_open: 0,
            non_kafka_connections: 0,
            requests: 0,
            produce_requests: 0,
            batches: 0,
            records: 0,
            produce_bytes: 0,
            batch_bytes: 0,
            bytes_in: 0,
            bytes_out: 0,
            requests_by_api: [0; API_KEYS],
        }
    }
}

impl Stats {
    /// Requests of one API.
    pub fn requests_of(&self, api: ApiKey) -> u64 {
        self.requests_by_api
            .get(api as i16 as usize)
            .copied()
            .unwrap_or(0)
    }

    /// Requests by API key, those that never came left out.
    pub fn requests_by_api(&self) -> impl Iterator<Item = (i16, u64)> + '_ {
        let counts = self.requests_by_api.iter().enumerate();
        counts
            .filter(|&(_, &count)| count > 0)
            .map(|(key, &count)| (key as i16, count))
    }

    /// Returns what was counted after `earlier` and up to this snapshot.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        since.each_counter(earlier, |now, then| *now = now.saturating_sub(then));
        since
    }

    fn each_counter(&mut self, other: &Self, apply: impl Fn(&mut u64, u64)) {
        apply(&mut self.connections, other.connections);
        apply(&mut self.non_kafka_connections, other.non_kafka_connections);
        apply(&mut self.requests, other.requests);
        apply(&mut self.produce_requests, other.produce_requests);
        apply(&mut self.batches, other.batches);
        apply(&mut self.records, other.records);
        apply(&mut self.produce_bytes, other.produce_bytes);
        apply(&mut self.batch_bytes, other.batch_bytes);
        apply(&mut self.bytes_in, other.bytes_in);
        apply(&mut self.bytes_out, other.bytes_out);
        for (mine, theirs) in self.requests_by_api.iter_mut().zip(other.requests_by_api) {
            apply(mine, theirs);
        }
    }
}

impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        self.each_counter(other, |sum, more| *sum += more);
        self.connections_open += other.connections_open;
    }
}

impl fmt::Display for Stats {
    /// One line: what was served.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} connections, {} requests ({} produce), {} batches, {} records, {} in, {} out",
            self.connections,
            self.requests,
            self.produce_requests,
            self.batches,
            self.records,
            Bytes(self.bytes_in),
            Bytes(self.bytes_out),
        )?;
        match self.non_kafka_connections {
            0 => Ok(()),
            count => write!(f, ", {count} closed for not speaking Kafka's protocol"),
        }
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            count if count < 10_000 => write!(f, "{count} B"),
            count if count < 10_000_000 => write!(f, "{:.1} kB", count as f64 / 1e3),
            count if count < 10_000_000_000 => write!(f, "{:.1} MB", count as f64 / 1e6),
            count => write!(f, "{:.1} GB", count as f64 / 1e9),
        }
    }
}

/// The live counters of one broker. Relaxed ordering is enough: each counter is exact, but a
/// snapshot of several counters is not of one moment.
#[derive(Debug)]
pub(crate) struct Counters {
    connections: AtomicU64,
    connections_open: AtomicU64,
    non_kafka_connections: AtomicU64,
    produce_requests: AtomicU64,
    batches: AtomicU64,
    records: AtomicU64,
    produce_bytes: AtomicU64,
    batch_bytes: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    requests: [AtomicU64; API_KEYS],
}

impl Default for Counters {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Self {
            connections: zero(),
            connections_open: zero(),
            non_kafka_connections: zero(),
            produce_requests: zero(),
            batches: zero(),
            records: zero(),
            produce_bytes: zero(),
            batch_bytes: zero(),
            bytes_in: zero(),
            bytes_out: zero(),
            requests: [(); API_KEYS].map(|()| zero()),
        }
    }
}

impl Counters {
    /// Counts a connection, and returns its number among those of this broker, from 1.
    pub(crate) fn connected(&self) -> u64 {
        self.connections_open.fetch_add(1, Ordering::Relaxed);
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn disconnected(&self) {
        self.connections_open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn open(&self) -> u64 {
        self.connections_open.load(Ordering::Relaxed)
    }

    pub(crate) fn non_kafka_connection(&self) -> u64 {
        self.non_kafka_connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn requested(&self, api_key: i16) {
        if let Some(count) = usize::try_from(api_key)
            .ok()
            .and_then(|key| self.requests.get(key))
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a produce request; `bytes` is the whole frame's, length prefix included.
    pub(crate) fn produced(&self, bytes: usize, counts: BatchCounts) {
        self.produce_requests.fetch_add(1, Ordering::Relaxed);
        self.produce_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.batches.fetch_add(counts.batches, Ordering::Relaxed);
        self.records.fetch_add(counts.records, Ordering::Relaxed);
        self.batch_bytes.fetch_add(counts.batch_bytes, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut requests_by_api = [0; API_KEYS];
        for (count, counter) in requests_by_api.iter_mut().zip(&self.requests) {
            *count = read(counter);
        }
        Stats {
            connections: read(&self.connections),
            connections_open: read(&self.connections_open),
            non_kafka_connections: read(&self.non_kafka_connections),
            requests: requests_by_api.iter().sum(),
            produce_requests: read(&self.produce_requests),
            batches: read(&self.batches),
            records: read(&self.records),
            produce_bytes: read(&self.produce_bytes),
            batch_bytes: read(&self.batch_bytes),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            requests_by_api,
        }
    }

    /// Sets every counter to zero, except those of connections: fault rules name connections by
    /// number, and some are open.
    pub(crate) fn reset(&self) {
        let traffic = [
            &self.non_kafka_connections,
            &self.produce_requests,
            &self.batches,
            &self.records,
            &self.produce_bytes,
            &self.batch_bytes,
            &self.bytes_in,
            &self.bytes_out,
        ];
        for counter in traffic.into_iter().chain(&self.requests) {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Counters {
        let counters = Counters::default();
        counters.connected();
        counters.received(150);
        counters.sent(50);
        counters.requested(ApiKey::Produce as i16);
        counters.produced(
            140,
            BatchCounts {
                batches: 2,
                records: 20,
                batch_bytes: 100,
            },
        );
        counters
    }

    #[test]
    fn a_snapshot_says_what_was_counted() {
        let stats = counted().snapshot();
        assert_eq!(
            (
                stats.requests,
                stats.requests_of(ApiKey::Produce),
                stats.requests_of(ApiKey::Fetch)
            ),
            (1, 1, 0)
        );
        assert_eq!((stats.batches, stats.records, stats.batch_bytes), (2, 20, 100));
        assert_eq!(
            (stats.bytes_in, stats.produce_bytes, stats.bytes_out),
            (150, 140, 50)
        );
        assert_eq!(stats.requests_by_api().collect::<Vec<_>>(), [(0, 1)]);
    }

    #[test]
    fn a_difference_holds_what_came_between() {
        let counters = counted();
        let before = counters.snapshot();
        counters.produced(
            7,
            BatchCounts {
                batches: 1,
                records: 5,
                batch_bytes: 6,
            },
        );
        let between = counters.snapshot().since(&before);
        assert_eq!(
            (between.produce_requests, between.records, between.bytes_in),
            (1, 5, 0)
        );
        assert_eq!((between.connections, between.connections_open), (0, 1));
    }

    #[test]
    fn a_sum_adds_brokers_up() {
        let mut total = counted().snapshot();
        total += &counted().snapshot();
        assert_eq!(
            (total.connections, total.connections_open, total.records),
            (2, 2, 40)
        );
        assert_eq!(total.requests_of(ApiKey::Produce), 2);
    }

    #[test]
    fn a_reset_keeps_the_connections() {
        let counters = counted();
        counters.reset();
        let stats = counters.snapshot();
        assert_eq!(
            (
                stats.connections,
                stats.connections_open,
                stats.requests,
                stats.bytes_in
            ),
            (1, 1, 0, 0)
        );
    }

    #[test]
    fn keys_that_kafka_does_not_have_are_not_counted() {
        let counters = Counters::default();
        counters.requested(-1);
        counters.requested(i16::MAX);
        assert_eq!(counters.snapshot().requests, 0);
    }

    #[test]
    fn the_line_is_readable() {
        let line = counted().snapshot().to_string();
        assert_eq!(
            line,
            "1 connections, 1 requests (1 produce), 2 batches, 20 records, 150 B in, 50 B out"
        );
    }
}
