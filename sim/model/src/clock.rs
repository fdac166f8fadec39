//! The brokers' clock, which is computed from the instants that the shell passes in.

use std::time::{Duration, Instant};

/// When the cluster started, and what the brokers' clock showed at that time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    wall_clock_ms: i64,
}

impl Clock {
    pub(crate) fn new(started: Instant, wall_clock_ms: i64) -> Self {
        Self {
            started,
            wall_clock_ms,
        }
    }

    /// The time since the cluster's start.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// The brokers' clock in milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self, now: Instant) -> i64 {
        self.wall_clock_ms + self.elapsed(now).as_millis() as i64
    }
}
