//! How long a broker takes to acknowledge a request, without the network's round trip.
//!
//! A broker works on one request per connection at a time, its wait for the followers included.
//! Where this wait is long, one connection carries one request per wait, however fast everything
//! else is.
//!
//! The wait is measured with requests that were at the broker when the request before them was
//! answered: from one answer to the next the broker had nothing but this request. Once requests no
//! longer follow each other, because they would wait, one of them is sent behind another now and
//! then, so that a broker that has become fast is found.

use std::time::Duration;

/// From here on a wait counts as long. Brokers in several availability zones take 2 ms and more; a
/// broker whose followers are near, or that has none, takes a fraction of a millisecond.
const LONG: Duration = Duration::from_millis(1);

/// The highest score, and the score from which on a broker counts as slow.
const SCORE_MAX: u32 = 8;
const SCORE_LONG: u32 = 4;

/// What one short wait takes from the score: a busy broker is late now and then, a broker that
/// waits for followers is always late.
const SHORT_WAIT_COST: u32 = 4;

/// Acknowledgements without a measured wait, after which a request may follow another one.
const UNMEASURED_MAX: u32 = 64;

/// The waits of one broker so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AckWait {
    /// `None` before the first measured wait.
    score: Option<u32>,
    /// Acknowledgements in a row without a measured wait.
    unmeasured: u32,
}

impl AckWait {
    /// Notes that a request was acknowledged. `waited`: how long the broker had this request and
    /// none before it, if that is known.
    pub(crate) fn record(&mut self, waited: Option<Duration>) {
        let Some(waited) = waited else {
            self.unmeasured = self.unmeasured.saturating_add(1);
            return;
        };
        self.unmeasured = 0;
        let score = self.score.unwrap_or(0);
        self.score = Some(if waited >= LONG {
            (score + 1).min(SCORE_MAX)
        } else {
            score.saturating_sub(SHORT_WAIT_COST)
        });
    }

    /// Returns true if the broker takes long to acknowledge.
    pub(crate) fn is_long(self) -> bool {
        self.score.is_some_and(|score| score >= SCORE_LONG)
    }

    /// How many unanswered requests a connection carries before another one would wait behind them.
    /// While that is not known, one request may follow another, and its answer is measured.
    pub(crate) fn pipeline_depth(self) -> usize {
        match self.score {
            Some(0) => usize::MAX,
            Some(SCORE_LONG..) if self.unmeasured < UNMEASURED_MAX => 1,
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
            wait.record(Some(Duration::from_micros(*micros)));
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
    fn a_broker_that_is_late_now_and_then_is_not_slow() {
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
        assert_eq!(AckWait::default().pipeline_depth(), 2);
        assert_eq!(after(&[300]).pipeline_depth(), usize::MAX);
        assert_eq!(after(&[300, 5_000]).pipeline_depth(), 2);
        assert_eq!(after(&[300, 5_000, 300]).pipeline_depth(), usize::MAX);
        assert_eq!(after(&[5_000; 4]).pipeline_depth(), 1);
    }

    #[test]
    fn without_measured_waits_nothing_changes_but_that_another_request_may_follow() {
        let mut wait = after(&[5_000; 4]);
        for _ in 0..63 {
            wait.record(None);
        }
        assert_eq!((wait.is_long(), wait.pipeline_depth()), (true, 1));
        wait.record(None);
        assert_eq!((wait.is_long(), wait.pipeline_depth()), (true, 2));
        wait.record(Some(LONG));
        assert_eq!((wait.is_long(), wait.pipeline_depth()), (true, 1));
    }
}
