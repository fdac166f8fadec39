//! When the records of a paced workload are due, and sleeping until then.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::workload::Workload;

/// When each record is due: an absolute schedule, so that a late one delays no other.
pub(crate) fn due_times(started: Instant, workload: &Workload) -> impl Iterator<Item = (u64, Instant)> {
    let rate = workload.rate;
    (0..rate * workload.seconds).map(move |index| {
        let (seconds, part) = (index / rate, index % rate);
        (
            index,
            started + Duration::from_secs(seconds) + Duration::from_nanos(part * 1_000_000_000 / rate),
        )
    })
}

/// Returns at once if that time has passed.
pub(crate) fn sleep_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}

/// Asks Linux to wake this thread on time instead of up to 50 us late, as the peers that are programs of their own do.
pub(crate) fn wake_on_time() -> Result<(), String> {
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))
        .map_err(|error| format!("cannot set the timer slack of this thread: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_at_even_spacing_for_all_of_the_time() {
        let started = Instant::now();
        let workload = Workload {
            rate: 3,
            seconds: 2,
            ..Workload::default()
        };
        let after: Vec<u128> = due_times(started, &workload)
            .map(|(_, due)| (due - started).as_millis())
            .collect();
        assert_eq!(after, [0, 333, 666, 1_000, 1_333, 1_666]);
    }
}
