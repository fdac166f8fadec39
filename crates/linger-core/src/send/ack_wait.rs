//! Whether a broker makes requests wait: what it takes to acknowledge one, apart from the way there and back.
//!
//! A broker works on one request per connection at a time, its wait for the followers included. Where that wait is long,
//! one connection carries one request per wait, however fast everything else is.
//!
//! Only a request that lay at the broker while the one before it was answered tells: from one answer to the next the broker
//! had nothing but this request, and the network's round trip is not in it. Where requests no longer follow each other,
//! because they would wait, one is let to do so now and then.

use std::time::Duration;

/// An acknowledgement that took this long was waited for. Brokers in several availability zones take 2 ms and more; one
/// whose followers are near, or that has none, a fraction of a millisecond.
const LONG: Duration = Duration::from_millis(1);

/// How far the score goes, and from where on a broker counts as one that makes wait.
const SCORE_MAX: u32 = 8;
const SCORE_LONG: u32 = 4;

/// What one short wait takes from the score: a busy broker is late now and then, one that waits for followers always is.
const SHORT_COSTS: u32 = 4;

/// Acknowledgements that told nothing, after which a request is let to follow another.
const UNTOLD_MAX: u32 = 64;

/// The waits of one broker so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AckWait {
    /// `None` before the first acknowledgement that tells something.
    score: Option<u32>,
    /// Acknowledgements in a row that told nothing.
    untold: u32,
}

impl AckWait {
    /// A request was acknowledged. `waited`: how long the broker had it and nothing before it, if that is known.
    pub(crate) fn acknowledged(&mut self, waited: Option<Duration>) {
        let Some(waited) = waited else {
            self.untold = self.untold.saturating_add(1);
            return;
        };
        self.untold = 0;
        let score = self.score.unwrap_or(0);
        self.score = Some(if waited >= LONG {
            (score + 1).min(SCORE_MAX)
        } else {
            score.saturating_sub(SHORT_COSTS)
        });
    }

    /// Requests wait for long there.
    pub(crate) fn is_long(self) -> bool {
        self.score.is_some_and(|score| score >= SCORE_LONG)
    }

    /// How many unanswered requests a connection carries before another would wait behind them. While that is not known,
    /// one may follow, and its answer tells.
    pub(crate) fn depth(self) -> usize {
        match self.score {
            Some(0) => usize::MAX,
            Some(SCORE_LONG..) if self.untold < UNTOLD_MAX => 1,
            Some(_) | None => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(waits: &[u64]) -> AckWait {
        let mut wait = AckWait::default();
        for micros in waits {
            wait.acknowledged(Some(Duration::from_micros(*micros)));
        }
        wait
    }

    #[test]
    fn four_long_waits_are_needed() {
        assert!(!after(&[5_000; 3]).is_long());
        assert!(after(&[5_000; 4]).is_long());
        assert!(after(&[1_000; 4]).is_long());
        assert!(!after(&[999; 100]).is_long());
    }

    #[test]
    fn a_broker_that_is_late_now_and_then_makes_nobody_wait() {
        assert!(!after(&[9_000, 9_000, 9_000, 200].repeat(50)).is_long());
    }

    #[test]
    fn two_short_waits_end_it() {
        let waits = [[5_000; 100].as_slice(), &[200]].concat();
        assert!(after(&waits).is_long());
        let waits = [[5_000; 100].as_slice(), &[200; 2]].concat();
        assert!(!after(&waits).is_long());
    }

    #[test]
    fn while_it_is_not_known_one_request_follows_another() {
        assert_eq!(AckWait::default().depth(), 2);
        assert_eq!(after(&[300]).depth(), usize::MAX);
        assert_eq!(after(&[300, 5_000]).depth(), 2);
        assert_eq!(after(&[300, 5_000, 300]).depth(), usize::MAX);
        assert_eq!(after(&[5_000; 4]).depth(), 1);
    }

    #[test]
    fn what_tells_nothing_changes_nothing_but_that_another_request_may_follow() {
        let mut wait = after(&[5_000; 4]);
        for _ in 0..63 {
            wait.acknowledged(None);
        }
        assert_eq!((wait.is_long(), wait.depth()), (true, 1));
        wait.acknowledged(None);
        assert_eq!((wait.is_long(), wait.depth()), (true, 2));
        wait.acknowledged(Some(LONG));
        assert_eq!((wait.is_long(), wait.depth()), (true, 1));
    }
}
