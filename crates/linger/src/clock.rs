//! The clocks of the shell: wall time for record timestamps, Tokio's time for everything that waits.

use std::time::Instant;

/// Milliseconds since the Unix epoch, as record timestamps want them.
///
/// Reads the kernel's coarse clock where there is one: it lags by at most one tick (1 to 4 ms, 10 ms on old kernels)
/// and costs a quarter of the exact clock, which would cost a record as much as all the rest of its way together.
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

/// Tokio's idea of now, so that a paused clock moves the producer too.
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
