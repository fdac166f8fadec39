//! The driver's one timer.
//!
//! Tokio's timers round up to a whole millisecond, so that a linger of 5 ms would take 5.5 ms on
//! average and up to 6 ms. Linux has timers that are file descriptors (`timerfd`), and the alarm
//! uses such a timer, which rings on time. Tokio's timer is armed as well, since a paused clock
//! moves only that one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::clock;

/// For a longer wait Tokio's timer is precise enough, and saves a system call.
const PRECISE_MAX: Duration = Duration::from_millis(100);

/// The wait of a timer that is not armed.
const FAR: Duration = Duration::from_secs(86_400 * 365);

/// Rings once for each time that it was armed.
pub(crate) struct Alarm {
    at: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
    precise: Option<precise::Timer>,
}

impl Alarm {
    /// Makes an alarm that is not armed. It belongs to the runtime in whose context it is made.
    pub(crate) fn new() -> Self {
        Self {
            at: None,
            sleep: Box::pin(tokio::time::sleep(FAR)),
            precise: precise::Timer::new(),
        }
    }

    /// Arms the alarm for `at`, unless it is armed for an earlier time. Moving the alarm to a later
    /// time with each batch would cost more than a round of the driver without work.
    pub(crate) fn arm_by(&mut self, at: Instant) {
        if self.at.is_some_and(|armed| armed <= at) {
            return;
        }
        self.at = Some(at);
        self.sleep.as_mut().reset(tokio::time::Instant::from_std(at));
        let wait = at.saturating_duration_since(clock::now());
        if let Some(precise) = &self.precise
            && wait <= PRECISE_MAX
        {
            precise.arm(wait);
        }
    }

    /// Ready once when the alarm rings. The alarm is not armed afterwards.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.at.is_none() {
            return Poll::Pending;
        }
        let rings = self.precise.as_ref().is_some_and(|precise| precise.poll(cx));
        if !rings && self.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.at = None;
        self.sleep.as_mut().reset(tokio::time::Instant::now() + FAR);
        Poll::Ready(())
    }
}

#[cfg(target_os = "linux")]
mod precise {
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use tokio::io::unix::AsyncFd;

    /// A timer of the kernel.
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        /// `None` if the process has no file descriptor left.
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may close their descriptor early; this one does not"
        )]
        pub(super) fn new() -> Option<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags).ok()?;
            AsyncFd::with_interest(fd, tokio::io::Interest::READABLE)
                .ok()
                .map(Self)
        }

        pub(super) fn arm(&self, wait: Duration) {
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec {
                    tv_sec: wait.as_secs() as i64,
                    // Zero would disarm the timer.
                    tv_nsec: i64::from(wait.subsec_nanos().max(1)),
                },
            };
            // After a failure Tokio's timer still rings.
            let _ = rustix::time::timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once);
        }

        /// True once each time that the timer has expired.
        pub(super) fn poll(&self, cx: &mut Context<'_>) -> bool {
            while let Poll::Ready(Ok(mut ready)) = self.0.poll_read_ready(cx) {
                let mut count = [0; 8];
                match rustix::io::read(self.0.get_ref(), &mut count) {
                    Ok(_) => return true,
                    Err(_) => ready.clear_ready(),
                }
            }
            false
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod precise {
    use std::task::Context;
    use std::time::Duration;

    /// Other systems have no such timer.
    pub(super) enum Timer {}

    impl Timer {
        pub(super) fn new() -> Option<Self> {
            None
        }

        pub(super) fn arm(&self, _: Duration) {
            match *self {}
        }

        pub(super) fn poll(&self, _: &mut Context<'_>) -> bool {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn ring(alarm: &mut Alarm) {
        poll_fn(|cx| alarm.poll(cx)).await;
    }

    #[tokio::test]
    async fn it_rings_once_and_not_before_its_time() {
        let mut alarm = Alarm::new();
        for wait in [0, 2, 150] {
            let at = clock::now() + Duration::from_millis(wait);
            alarm.arm_by(at);
            alarm.arm_by(at + FAR);
            ring(&mut alarm).await;
            assert!(clock::now() >= at, "{wait} ms");
            let again = poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await;
            assert!(again.is_pending(), "{wait} ms");
        }
    }

    #[tokio::test]
    async fn the_earlier_of_two_times_counts() {
        let mut alarm = Alarm::new();
        alarm.arm_by(clock::now() + FAR);
        alarm.arm_by(clock::now() + Duration::from_millis(1));
        ring(&mut alarm).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_moves_it() {
        let mut alarm = Alarm::new();
        let at = clock::now() + Duration::from_secs(3_600);
        alarm.arm_by(at);
        ring(&mut alarm).await;
        assert!(clock::now() >= at);
    }
}
