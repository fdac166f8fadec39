//! The clocks of the producer: the wall clock for timestamps of records, Tokio's clock for
//! everything that waits.

use std::time::Instant;

/// The time in milliseconds since the Unix epoch, for the timestamp of a record.
///
/// Reads the kernel's coarse clock where there is one. It lags by at most one tick (1 to 4 ms, 10
/// ms on old kernels) and costs a quarter of the exact clock, whose cost would equal all other
/// costs of accepting a record.
pub(crate) fn timestamp_ms() -> i64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The time of Tokio's clock, so that a paused clock pauses the producer too.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_clock_is_within_a_tick_of_the_exact_one() {
        let exact = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis() as i64;
        let coarse = timestamp_ms();
        assert!((exact - coarse).abs() <= 1_000, "exact {exact}, coarse {coarse}");
    }
}
