//! How appending threads tell the sender that a partition needs it, and when that takes a wake-up.
//!
//! A wake-up that hits a sleeping thread costs its caller about 7 us, and one per record was
//! measured at 61 ns even when nobody slept. So the ready list is filled without waking anyone, and
//! one state word says whether a wake-up is due: an appender wakes the sender at most once per
//! sleep, and only for an event that the sleeper has not provided for.
//!
//! The protocol against a lost wake-up: the sender publishes how it sleeps, fences, and looks at
//! the list again before it really sleeps; an appender adds its event, fences, and then reads the
//! word. One of the two sees the other.
//!
//! The doorbell knows no linger. That a batch which opens needs no wake-up is a promise of the
//! sender, made anew with each sleep: its next timer wakes it by the end of the linger of any batch
//! that opens meanwhile. Where lingers differ, the sender promises it only if the timer is early
//! enough for the shortest of them; else it sleeps as [`Sleep::Idle`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering, fence};
use std::time::Instant;

use crate::append::lock::lock;
use crate::ids::PartitionId;

/// An event of the appending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// A batch got its first record. Its linger counts from `at`.
    Opened {
        /// Whose batch.
        partition: PartitionId,
        /// When its first record came.
        at: Instant,
    },
    /// The open batch reached `batch.size`. Rung once per batch. The batch may have been sealed
    /// since.
    Full {
        /// Whose batch.
        partition: PartitionId,
    },
    /// An appender found no memory: what can leave should leave now, without waiting for its
    /// linger. Rung at most once per [`Doorbell::drain`].
    Starved,
}

/// How the sender sleeps, which decides what may wake it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleep {
    /// No timer is armed for an opened batch, or one that may be too late: any event wakes the
    /// sender.
    Idle,
    /// A timer is armed that wakes the sender by the end of the linger of any batch that opens from
    /// now on. So an opened batch needs no wake-up; a full one does.
    TimerArmed,
    /// As [`Sleep::TimerArmed`], and the next request is not worth putting together before so many
    /// more batches are full: an opened batch needs no wake-up, and of the full ones only the
    /// last does.
    Gathering {
        /// At least 1.
        batches: u32,
    },
    /// No broker has room in its window: nothing could leave, so nothing wakes the sender but its
    /// own events. Opened batches are taken when the window opens.
    WindowFull,
}

/// The ready list and the sender's state word.
#[derive(Debug, Default)]
pub struct Doorbell {
    /// One of the constants below.
    state: AtomicU8,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    events: Vec<Ready>,
    /// Something other than `Opened` is in the list.
    urgent: bool,
    /// `Starved` is in the list.
    starved: bool,
    /// `Full` entries in the list.
    full: u32,
    /// How many of them wake a sender that gathers.
    full_wanted: u32,
}

const RUNNING: u8 = 0;
const IDLE: u8 = 1;
const TIMER_ARMED: u8 = 2;
const WINDOW_FULL: u8 = 3;
const GATHERING: u8 = 4;

impl Doorbell {
    /// Swaps the whole list into `into`, which is cleared first. Returns true if there was an
    /// event.
    pub fn drain(&self, into: &mut Vec<Ready>) -> bool {
        into.clear();
        let mut list = lock(&self.list);
        std::mem::swap(&mut list.events, into);
        list.urgent = false;
        list.starved = false;
        list.full = 0;
        !into.is_empty()
    }

    /// Publishes that the sender is about to sleep. Returns false if an event came meanwhile for
    /// which `how` does not provide: the sender is running and must [`Doorbell::drain`].
    pub fn try_sleep(&self, how: Sleep) -> bool {
        let state = match how {
            Sleep::Idle => IDLE,
            Sleep::TimerArmed => TIMER_ARMED,
            Sleep::WindowFull => WINDOW_FULL,
            Sleep::Gathering { batches } => {
                lock(&self.list).full_wanted = batches;
                GATHERING
            }
        };
        self.state.store(state, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let list = lock(&self.list);
        let missed = match how {
            Sleep::Idle => !list.events.is_empty(),
            Sleep::TimerArmed => list.urgent,
            Sleep::WindowFull => false,
            Sleep::Gathering { batches } => list.starved || list.full >= batches,
        };
        drop(list);
        if missed {
            self.running();
        }
        !missed
    }

    /// Publishes that the sender is awake. The sender calls it first whenever it wakes, whatever
    /// woke it.
    pub fn running(&self) {
        self.state.store(RUNNING, Ordering::SeqCst);
    }

    /// Marks the sender as running for an event that comes by another way (a flush, a topic wanted,
    /// a close). Returns true if the sender slept and must be woken.
    pub fn wake(&self) -> bool {
        fence(Ordering::SeqCst);
        self.state.swap(RUNNING, Ordering::SeqCst) != RUNNING
    }

    /// Adds an event. Returns true if the sender sleeps and the caller must wake it.
    pub(crate) fn ring(&self, event: Ready) -> bool {
        let enough = {
            let mut list = lock(&self.list);
            match event {
                Ready::Opened { .. } => {}
                Ready::Full { .. } => {
                    list.urgent = true;
                    list.full += 1;
                }
                Ready::Starved if list.starved => return false,
                Ready::Starved => {
                    list.starved = true;
                    list.urgent = true;
                }
            }
            list.events.push(event);
            list.starved || list.full >= list.full_wanted
        };
        fence(Ordering::SeqCst);
        let state = self.state.load(Ordering::Relaxed);
        let due = match (state, event) {
            (IDLE, _) => true,
            (TIMER_ARMED, Ready::Full { .. } | Ready::Starved) => true,
            (GATHERING, Ready::Full { .. } | Ready::Starved) => enough,
            (TIMER_ARMED | GATHERING, Ready::Opened { .. }) => false,
            _ => false,
        };
        // Of several appenders one wakes it.
        due && self
            .state
            .compare_exchange(state, RUNNING, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64};

    const P: PartitionId = PartitionId(7);

    fn opened() -> Ready {
        Ready::Opened {
            partition: P,
            at: crate::testing::origin(),
        }
    }

    #[rstest]
    #[case(Sleep::Idle, true, true, true)]
    #[case(Sleep::TimerArmed, false, true, true)]
    #[case(Sleep::WindowFull, false, false, false)]
    fn only_an_event_that_the_sleeper_did_not_provide_for_wakes_it(
        #[case] how: Sleep,
        #[case] on_opened: bool,
        #[case] on_full: bool,
        #[case] on_starved: bool,
    ) {
        for (events, expected) in [
            (opened(), on_opened),
            (Ready::Full { partition: P }, on_full),
            (Ready::Starved, on_starved),
        ] {
            let bell = Doorbell::default();
            assert!(bell.try_sleep(how));
            assert_eq!(bell.ring(events), expected, "{how:?} {events:?}");
            // Before it slept, the same event keeps it awake.
            let bell = Doorbell::default();
            assert!(!bell.ring(events), "a running sender needs no wake-up");
            assert_eq!(!bell.try_sleep(how), expected, "{how:?} {events:?}");
        }
    }

    #[test]
    fn one_appender_wakes_the_sender_once() {
        let bell = Doorbell::default();
        assert!(bell.try_sleep(Sleep::Idle));
        assert!(bell.ring(opened()));
        assert!(!bell.ring(opened()));
        assert!(!bell.wake());
        let mut events = Vec::new();
        assert!(bell.drain(&mut events));
        assert_eq!(events.len(), 2);
        assert!(!bell.drain(&mut events));
    }

    #[test]
    fn a_sender_that_gathers_is_woken_by_the_last_batch_it_wants() {
        let bell = Doorbell::default();
        let full = Ready::Full {
            partition: PartitionId(0),
        };
        assert!(bell.try_sleep(Sleep::Gathering { batches: 3 }));
        assert!(!bell.ring(opened()));
        assert!(!bell.ring(full));
        assert!(!bell.ring(full));
        assert!(bell.ring(full));
        // What came before it slept counts too.
        assert!(!bell.try_sleep(Sleep::Gathering { batches: 3 }));
        assert!(bell.try_sleep(Sleep::Gathering { batches: 4 }));
        assert!(bell.ring(Ready::Starved));
    }

    #[test]
    fn starvation_is_told_once_per_drain() {
        let bell = Doorbell::default();
        bell.ring(Ready::Starved);
        bell.ring(Ready::Starved);
        let mut events = Vec::new();
        bell.drain(&mut events);
        assert_eq!(events, [Ready::Starved]);
        bell.ring(Ready::Starved);
        bell.drain(&mut events);
        assert_eq!(events, [Ready::Starved]);
    }

    /// A sender that sleeps only when told it may, against threads that ring: if a wake-up were
    /// lost, it would sleep with an event in the list and this test would hang (the park has a
    /// limit, after which the test fails).
    #[test]
    fn no_wake_up_is_lost() {
        const THREADS: u64 = 4;
        const RINGS: u64 = 20_000;
        const LIMIT: std::time::Duration = std::time::Duration::from_secs(5);
        let bell = Arc::new(Doorbell::default());
        let lost = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(AtomicU64::new(0));
        let sender = {
            let (bell, lost, seen) = (bell.clone(), lost.clone(), seen.clone());
            std::thread::Builder::new()
                .spawn(move || {
                    let mut events = Vec::new();
                    while seen.load(Ordering::Relaxed) < THREADS * RINGS && !lost.load(Ordering::Relaxed) {
                        bell.running();
                        bell.drain(&mut events);
                        seen.fetch_add(events.len() as u64, Ordering::Relaxed);
                        if seen.load(Ordering::Relaxed) < THREADS * RINGS && bell.try_sleep(Sleep::Idle) {
                            // It may return early, by an unpark that came late; only the limit proves a loss.
                            let asleep_at = crate::testing::origin();
                            std::thread::park_timeout(LIMIT);
                            if asleep_at.elapsed() >= LIMIT && !lock(&bell.list).events.is_empty() {
                                lost.store(true, Ordering::Relaxed);
                            }
                        }
                    }
                })
                .unwrap()
        };
        let unpark = sender.thread().clone();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let (bell, unpark) = (bell.clone(), unpark.clone());
                scope.spawn(move || {
                    for n in 0..RINGS {
                        let events = if n % 3 == 0 {
                            Ready::Full { partition: P }
                        } else {
                            opened()
                        };
                        if bell.ring(events) {
                            unpark.unpark();
                        }
                    }
                });
            }
        });
        sender.join().unwrap();
        assert!(!lost.load(Ordering::Relaxed), "the sender slept over an event");
        assert_eq!(seen.load(Ordering::Relaxed), THREADS * RINGS);
    }
}
