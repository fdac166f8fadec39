//! Runs the core's encode and split jobs on threads of their own.
//!
//! Compression takes microseconds to milliseconds per batch. On the driver's task it would delay
//! every acknowledgement that arrives meanwhile. At most [`ENCODER_THREADS_MAX`] threads run the
//! jobs. They start with the first jobs and are joined when the encoder is dropped. The queue of
//! jobs is bounded by `buffer.memory`, since each job holds the batch that it encodes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use linger_core::append::encode_job::{EncodeDone, EncodeJob};
use linger_core::send::split::{SplitResult, SplitTask};
use linger_protocol::records::Scratch;

/// How many threads compress for one producer, at most.
pub(crate) const ENCODER_THREADS_MAX: usize = 4;

/// A job for an encoder thread.
pub(crate) enum Job {
    Encode(EncodeJob),
    Split(SplitTask),
}

/// The result of a [`Job`].
pub(crate) enum Done {
    Encoded(EncodeDone),
    Split(SplitResult),
}

impl Job {
    pub(crate) fn run(self, scratch: &mut Scratch) -> Done {
        match self {
            Self::Encode(job) => Done::Encoded(job.run(scratch)),
            Self::Split(job) => Done::Split(job.run(scratch)),
        }
    }
}

struct Shared {
    jobs: Mutex<Jobs>,
    arrived: Condvar,
    /// Sends a result to the driver, and wakes the driver.
    done: Box<dyn Fn(Done) + Send + Sync>,
}

struct Jobs {
    waiting: VecDeque<Job>,
    idle: usize,
    closed: bool,
}

impl Shared {
    /// A panic cannot leave the queue of jobs inconsistent, so that a poisoned lock may be used.
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads that compress batches, and their queue of jobs.
pub(crate) struct Encoder {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    threads_max: usize,
}

impl Encoder {
    /// Makes an encoder without threads; `done` is called on an encoder thread with each result.
    pub(crate) fn new(done: impl Fn(Done) + Send + Sync + 'static) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let jobs = Jobs {
            waiting: VecDeque::new(),
            idle: 0,
            closed: false,
        };
        Self {
            shared: Arc::new(Shared {
                jobs: Mutex::new(jobs),
                arrived: Condvar::new(),
                done: Box::new(done),
            }),
            threads: Vec::new(),
            threads_max: cores.min(ENCODER_THREADS_MAX),
        }
    }

    /// Queues a job. If the system cannot start even one thread, the job runs on the caller's
    /// thread and its result is returned.
    pub(crate) fn submit(&mut self, job: Job, scratch: &mut Scratch) -> Option<Done> {
        let mut jobs = self.shared.lock();
        let more_wanted = jobs.idle <= jobs.waiting.len() && self.threads.len() < self.threads_max;
        if more_wanted {
            drop(jobs);
            match self.start_thread() {
                Ok(thread) => self.threads.push(thread),
                Err(error) if self.threads.is_empty() => {
                    tracing::warn!(%error, "no encoder thread could be started; compressing on the driver's task");
                    return Some(job.run(scratch));
                }
                Err(_) => self.threads_max = self.threads.len(),
            }
            jobs = self.shared.lock();
        }
        jobs.waiting.push_back(job);
        drop(jobs);
        self.shared.arrived.notify_one();
        None
    }

    fn start_thread(&self) -> std::io::Result<JoinHandle<()>> {
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new()
            .name(format!("linger-encode-{}", self.threads.len()))
            .spawn(move || work(&shared))
    }
}

impl Drop for Encoder {
    /// Drops the jobs that wait: their batches resolve with the certainty that they carry. Joins
    /// the threads.
    fn drop(&mut self) {
        let abandoned = {
            let mut jobs = self.shared.lock();
            jobs.closed = true;
            std::mem::take(&mut jobs.waiting)
        };
        drop(abandoned);
        self.shared.arrived.notify_all();
        for thread in self.threads.drain(..) {
            // A panic on an encoder thread has dropped the thread's batch, and so resolved it.
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared) {
    let mut scratch = Scratch::default();
    loop {
        let job = {
            let mut jobs = shared.lock();
            loop {
                if jobs.closed {
                    return;
                }
                if let Some(job) = jobs.waiting.pop_front() {
                    break job;
                }
                jobs.idle += 1;
                jobs = shared.arrived.wait(jobs).unwrap_or_else(PoisonError::into_inner);
                jobs.idle -= 1;
            }
        };
        (shared.done)(job.run(&mut scratch));
    }
}
