//! Which batches a flush waits for: those opened before it began.
//!
//! Batches belong to generations; a flush ends a generation and is done when no batch of it or an
//! older one is left. So a flush costs the same for ten thousand partitions as for one, and records
//! sent meanwhile do not prolong it, unless they join a batch that was open already.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::append::lock::lock;
use crate::ids::FlushId;

/// What became of the records that a flush waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Flushed {
    /// Delivered since the flush began.
    pub acknowledged: u64,
    /// Failed or handed back since the flush began.
    pub failed: u64,
}

#[derive(Debug)]
pub(crate) struct FlushBook {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Id of the front of `open`.
    first: u64,
    /// Unresolved batches (or parts of them) by generation; the last is the present generation.
    open: VecDeque<u64>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    id: u64,
    flushed: Flushed,
}

impl FlushBook {
    pub(crate) fn new() -> Self {
        Self {
            book: Mutex::new(Book {
                first: 0,
                open: VecDeque::from([0]),
                running: Vec::new(),
            }),
        }
    }

    /// Enters a batch and returns its generation.
    pub(crate) fn enter(&self) -> u64 {
        let mut book = lock(&self.book);
        let last = book.open.len() - 1;
        book.open[last] += 1;
        book.first + last as u64
    }

    /// Enters another part of a batch of `generation`, while that batch is entered.
    pub(crate) fn enter_part(&self, generation: u64) {
        let mut book = lock(&self.book);
        let index = (generation - book.first) as usize;
        book.open[index] += 1;
    }

    /// Takes out what was entered, with what became of its records.
    pub(crate) fn leave(&self, generation: u64, flushed: Flushed) {
        let mut book = lock(&self.book);
        let index = (generation - book.first) as usize;
        book.open[index] -= 1;
        for running in book.running.iter_mut().filter(|running| generation <= running.id) {
            running.flushed.acknowledged += flushed.acknowledged;
            running.flushed.failed += flushed.failed;
        }
        while book.open.len() > 1 && book.open[0] == 0 {
            book.open.pop_front();
            book.first += 1;
        }
    }

    pub(crate) fn begin(&self) -> FlushId {
        let mut book = lock(&self.book);
        let id = book.first + book.open.len() as u64 - 1;
        book.running.push(Running {
            id,
            flushed: Flushed::default(),
        });
        book.open.push_back(0);
        if book.open[0] == 0 {
            book.open.pop_front();
            book.first += 1;
        }
        FlushId(id)
    }

    pub(crate) fn is_done(&self, flush: FlushId) -> bool {
        lock(&self.book).first > flush.0
    }

    pub(crate) fn end(&self, flush: FlushId) -> Flushed {
        let mut book = lock(&self.book);
        match book.running.iter().position(|running| running.id == flush.0) {
            Some(index) => book.running.swap_remove(index).flushed,
            None => Flushed::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledged(n: u64) -> Flushed {
        Flushed {
            acknowledged: n,
            failed: 0,
        }
    }

    #[test]
    fn a_flush_waits_for_what_was_open_before_it_and_nothing_else() {
        let book = FlushBook::new();
        let before = book.enter();
        let flush = book.begin();
        let after = book.enter();
        assert!(!book.is_done(flush));
        book.leave(after, acknowledged(5));
        assert!(!book.is_done(flush));
        book.leave(before, acknowledged(3));
        assert!(book.is_done(flush));
        assert_eq!(book.end(flush), acknowledged(3));
    }

    #[test]
    fn a_flush_of_nothing_is_done_at_once() {
        let book = FlushBook::new();
        let (first, second) = (book.begin(), book.begin());
        assert_ne!(first, second);
        assert!(book.is_done(first) && book.is_done(second));
        assert_eq!(book.end(first), Flushed::default());
    }

    #[test]
    fn flushes_that_overlap_count_the_same_batch_each() {
        let book = FlushBook::new();
        let batch = book.enter();
        let first = book.begin();
        let second = book.begin();
        book.enter_part(batch);
        book.leave(batch, acknowledged(1));
        assert!(!book.is_done(first));
        book.leave(
            batch,
            Flushed {
                acknowledged: 0,
                failed: 2,
            },
        );
        assert!(book.is_done(first) && book.is_done(second));
        assert_eq!(
            book.end(second),
            Flushed {
                acknowledged: 1,
                failed: 2
            }
        );
        assert_eq!(
            book.end(first),
            Flushed {
                acknowledged: 1,
                failed: 2
            }
        );
    }
}
