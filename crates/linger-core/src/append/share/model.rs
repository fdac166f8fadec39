//! Loom runs each of these tests with every order of the atomic operations of its threads.
//!
//! The value is a loom cell. The cell is read through shares and written when the value is dropped;
//! loom reports a write that does not happen after every read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::cell::UnsafeCell;
use loom::thread;

use super::{Owner, Share};

struct Value {
    cell: UnsafeCell<u32>,
    drops: Arc<AtomicUsize>,
}

// SAFETY: the cell is written only by `drop`; loom checks that nobody reads it then.
unsafe impl Sync for Value {}

impl Value {
    fn read(&self) {
        // SAFETY: as above.
        assert_eq!(self.cell.with(|value| unsafe { *value }), 7);
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: as above.
        self.cell.with_mut(|value| unsafe { *value = 0 });
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `race` with every order; the value must be dropped exactly once by its end.
fn every_order(race: impl Fn(Owner<Value>) + Send + Sync + 'static) {
    loom::model(move || {
        let drops = Arc::new(AtomicUsize::new(0));
        race(Owner::new(Value {
            cell: UnsafeCell::new(7),
            drops: drops.clone(),
        }));
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// Starts a thread that reads the value and drops its share.
fn reader(share: Share<Value>) -> thread::JoinHandle<()> {
    thread::spawn(move || share.read())
}

#[test]
fn the_owner_goes_while_shares_are_dropped() {
    every_order(|mut owner| {
        let readers = [reader(owner.give()), reader(owner.give())];
        owner.read();
        drop(owner);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn the_owner_gives_a_share_while_another_is_dropped() {
    every_order(|mut owner| {
        let first = reader(owner.give());
        let second = reader(owner.give());
        let last = owner.give();
        drop(owner);
        last.read();
        drop(last);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn a_share_is_cloned_while_the_owner_and_its_other_shares_go() {
    every_order(|mut owner| {
        let share = owner.give();
        let cloning = thread::spawn(move || {
            let copy = share.clone();
            drop(share);
            copy.read();
        });
        let other = reader(owner.give());
        drop(owner);
        cloning.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_second_owner_goes_while_the_first_gives_shares() {
    every_order(|mut owner| {
        let part = owner.part();
        let second = thread::spawn(move || {
            part.read();
            drop(part);
        });
        let first = reader(owner.give());
        drop(owner);
        second.join().unwrap();
        first.join().unwrap();
    });
}

#[test]
fn an_owner_sees_its_own_shares_until_they_are_dropped() {
    every_order(|mut owner| {
        let kept = owner.give();
        let first = reader(owner.give());
        assert!(owner.is_shared());
        drop(kept);
        first.join().unwrap();
        assert!(!owner.is_shared());
    });
}
