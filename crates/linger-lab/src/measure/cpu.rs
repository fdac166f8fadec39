//! CPU time, user and kernel mode, of a thread or of this process.
//!
//! A thread's own time separates a producer's cost from that of brokers in the same process.

use std::time::Duration;

/// CPU time of the calling thread; `None` if the system does not tell.
pub fn of_this_thread() -> Option<Duration> {
    #[cfg(unix)]
    return read(rustix::time::ClockId::ThreadCPUTime);
    #[cfg(not(unix))]
    return None;
}

/// CPU time of this process, all threads together; `None` if the system does not tell.
pub fn of_this_process() -> Option<Duration> {
    #[cfg(unix)]
    return read(rustix::time::ClockId::ProcessCPUTime);
    #[cfg(not(unix))]
    return None;
}

#[cfg(unix)]
fn read(clock: rustix::time::ClockId) -> Option<Duration> {
    let time = rustix::time::clock_gettime(clock);
    let (seconds, nanos) = (
        u64::try_from(time.tv_sec).ok()?,
        u32::try_from(time.tv_nsec).ok()?,
    );
    Some(Duration::new(seconds, nanos))
}

/// The cost of one call of [`of_this_thread`]. A measurement that calls it often subtracts the
/// cost.
pub(crate) fn of_reading_the_clock() -> Duration {
    const CALLS: u32 = 1000;
    let Some(start) = of_this_thread() else {
        return Duration::ZERO;
    };
    for _ in 1..CALLS {
        of_this_thread();
    }
    of_this_thread().map_or(Duration::ZERO, |end| (end - start) / CALLS)
}

/// CPU time of another thread of this process, exact while that thread sleeps. `None` if the
/// thread has ended, or if the system does not tell (all but Linux).
pub(crate) fn of_thread(thread: ThreadId) -> Option<Duration> {
    // The first number of the file is the time on a CPU, in nanoseconds.
    let schedule = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    Some(Duration::from_nanos(
        schedule.split_ascii_whitespace().next()?.parse().ok()?,
    ))
}

/// The system's id of a thread.
pub(crate) type ThreadId = i32;

/// The id of the calling thread; `None` if other threads' CPU time cannot be read anyway.
pub(crate) fn this_thread() -> Option<ThreadId> {
    #[cfg(target_os = "linux")]
    return Some(rustix::thread::gettid().as_raw_nonzero().get());
    #[cfg(not(target_os = "linux"))]
    return None;
}

/// The threads of this process whose name starts with `prefix`; none if the system is not Linux.
pub(crate) fn threads_named(prefix: &str) -> Vec<ThreadId> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let is_named = |id: &ThreadId| {
        std::fs::read_to_string(format!("/proc/self/task/{id}/comm"))
            .is_ok_and(|name| name.starts_with(prefix))
    };
    let ids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(is_named).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_thread_uses_no_cpu_and_a_busy_one_does() {
        let start = of_this_thread().expect("a clock");
        std::thread::park_timeout(Duration::from_millis(30));
        let slept = of_this_thread().expect("a clock") - start;
        assert!(slept < Duration::from_millis(10), "{slept:?}");
        let mut sum = 0u64;
        while of_this_thread().expect("a clock") - start < Duration::from_millis(5) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(sum > 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn another_threads_time_is_found_by_its_name() {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let busy = std::thread::Builder::new()
            .name("cpu-test-busy".to_owned())
            .spawn(move || {
                while of_this_thread().expect("a clock") < Duration::from_millis(20) {}
                ready.send(this_thread().expect("an id")).expect("the test waits");
                wait.recv().ok();
            });
        let id = is_ready.recv().expect("it is busy for a while");
        assert_eq!(threads_named("cpu-test-busy"), [id]);
        let used = of_thread(id).expect("its time");
        // The current tick of a running thread is not counted yet.
        assert!(used >= Duration::from_millis(5), "{used:?}");
        go_on.send(()).expect("it waits");
        busy.expect("a thread").join().expect("no panic");
    }

    #[test]
    fn a_thread_that_is_not_there_has_no_time() {
        assert_eq!(of_thread(ThreadId::MAX), None);
    }

    #[test]
    fn reading_the_clock_costs_less_than_a_microsecond_or_two() {
        assert!(of_reading_the_clock() < Duration::from_micros(20));
    }
}
