//! A cache of topics for each thread: their view and their sticky partition.
//!
//! A look-up by name in a shared map costs a lock and a hash per record. Here it costs one
//! comparison with the topic that the thread used last. A thread caches at most [`SLOTS_MAX`]
//! topics of all producers together.

use std::cell::RefCell;
use std::sync::Arc;

use linger_core::append::cluster_view::TopicView;
use linger_core::append::sticky::Sticky;

use crate::cluster_watch::ClusterWatch;

/// How many topics a thread caches. The least recently used topic leaves first.
const SLOTS_MAX: usize = 16;

/// A cached topic.
pub(crate) struct Slot {
    producer: u64,
    generation: u64,
    pub(crate) topic: Arc<TopicView>,
    pub(crate) sticky: Sticky,
    /// The last send has woken the driver, which is to run before the next record is accepted.
    pub(crate) yields_to_driver: bool,
}

thread_local! {
    static TOPICS: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

/// Calls `act` with the topic `name` of producer `producer`. `None` if the newest view does not
/// have the topic.
#[inline]
pub(crate) fn with_topic<R>(
    producer: u64,
    cluster_watch: &ClusterWatch,
    name: &str,
    act: impl FnOnce(&mut Slot) -> R,
) -> Option<R> {
    TOPICS.with_borrow_mut(|slots| {
        let generation = cluster_watch.generation();
        let fresh = |slot: &Slot| {
            slot.producer == producer && slot.generation == generation && slot.topic.is_named(name)
        };
        if slots.first().is_some_and(fresh)
            || bring_to_front(slots, producer, generation, cluster_watch, name)
        {
            slots.first_mut().map(act)
        } else {
            None
        }
    })
}

#[cold]
fn bring_to_front(
    slots: &mut Vec<Slot>,
    producer: u64,
    generation: u64,
    cluster_watch: &ClusterWatch,
    name: &str,
) -> bool {
    let known = slots
        .iter()
        .position(|slot| slot.producer == producer && *slot.topic.name == *name);
    if let Some(index) = known {
        slots[..=index].rotate_right(1);
        if slots[0].generation == generation {
            return true;
        }
    }
    let view = cluster_watch.newest();
    let Some(topic) = view.topic(name) else {
        if known.is_some() {
            slots.remove(0);
        }
        return false;
    };
    if known.is_some() {
        slots[0].topic = Arc::clone(topic);
        slots[0].generation = view.generation();
    } else {
        slots.truncate(SLOTS_MAX - 1);
        let seed = producer ^ std::ptr::from_ref(slots).addr() as u64;
        let slot = Slot {
            producer,
            generation: view.generation(),
            topic: Arc::clone(topic),
            sticky: Sticky::new(seed, topic),
            yields_to_driver: false,
        };
        slots.insert(0, slot);
    }
    true
}
