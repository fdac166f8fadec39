//! CPU time of single threads: a process's total would mix the producer's with the brokers'.

use std::time::Duration;

/// CPU time that the calling thread has used, in user and kernel mode; `None` where the system does not say.
#[cfg(unix)]
pub(crate) fn of_this_thread() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(
        u64::try_from(time.tv_sec).ok()?,
        u32::try_from(time.tv_nsec).ok()?,
    ))
}

/// CPU time that the calling thread has used, in user and kernel mode; `None` where the system does not say.
#[cfg(not(unix))]
pub(crate) fn of_this_thread() -> Option<Duration> {
    None
}

/// What one call of [`of_this_thread`] costs: it enters the kernel, so that it must be taken off what it
/// measures.
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

/// CPU time that another thread of this process has used, exact while it sleeps; `None` if it is gone, or
/// where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn of_thread(thread: ThreadId) -> Option<Duration> {
    let directory = format!("/proc/self/task/{thread}");
    // Its first number is the time on a CPU, in nanoseconds.
    let schedule = std::fs::read_to_string(format!("{directory}/schedstat")).ok()?;
    Some(Duration::from_nanos(
        schedule.split_ascii_whitespace().next()?.parse().ok()?,
    ))
}

/// CPU time that another thread of this process has used; here the system does not say.
#[cfg(not(target_os = "linux"))]
pub(crate) fn of_thread(_thread: ThreadId) -> Option<Duration> {
    None
}

/// What the system calls a thread.
pub(crate) type ThreadId = i32;

/// The calling thread's id; `None` where other threads' CPU time cannot be read anyway.
pub(crate) fn this_thread() -> Option<ThreadId> {
    #[cfg(target_os = "linux")]
    return Some(rustix::thread::gettid().as_raw_nonzero().get());
    #[cfg(not(target_os = "linux"))]
    return None;
}

/// The threads of this process whose name begins with `prefix`.
pub(crate) fn threads_named(prefix: &str) -> Vec<ThreadId> {
    // Only Linux has the directory; elsewhere no thread is found.
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
        // Unless it sleeps already, the tick that it runs in is not counted yet.
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
