//! The producer id: whether it is known, asked for, or has to be asked for.

use std::time::Instant;

use linger_protocol::ErrorCode;
use linger_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::send::backoff::{Backoff, Rng};
use crate::send::policy::Policy;
use crate::send::sequence::{Idempotence, ProducerIdentity};

/// Where the identity comes from under which batches are numbered.
///
/// ```text
///  Unneeded            (idempotence is off)
///  Wanted ──request──► Asked ──answer──► Known
///     ▲                  │                 │
///     └──refused, lost───┘◄──epochs used up┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unneeded,
    Wanted,
    Asked,
    Known(ProducerIdentity),
}

/// Where identities come from. At most one `InitProducerId` is under way, and partitions whose
/// epochs are used up share the answer.
#[derive(Debug)]
pub struct Identity {
    phase: Phase,
    retry: Backoff,
    /// The end of the back-off after the last answer that gave no id.
    not_before: Option<Instant>,
    /// Questions in a row that gave no id.
    failures: u32,
    /// An id was given before, by which partitions may still send.
    was_known: bool,
}

/// What an answer to `InitProducerId` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// There is an identity now.
    Known,
    /// It will be asked for again.
    Later,
    /// This producer will never be given one.
    Fatal(ErrorCode),
}

impl Identity {
    /// Starts without an id. An idempotent producer wants one at once.
    pub fn new(policy: &Policy) -> Self {
        let phase = match policy.idempotence {
            Idempotence::On => Phase::Wanted,
            Idempotence::Off => Phase::Unneeded,
        };
        Self {
            phase,
            retry: policy.backoff,
            not_before: None,
            failures: 0,
            was_known: false,
        }
    }

    /// Returns true while the answer with the first id is outstanding. No batch can leave before
    /// that answer.
    pub fn is_first_outstanding(&self) -> bool {
        self.phase == Phase::Asked && !self.was_known
    }

    /// Returns true if an `InitProducerId` request is wanted, now or after the back-off.
    pub fn is_wanted(&self) -> bool {
        self.phase == Phase::Wanted
    }

    /// Returns true if an `InitProducerId` request is to be sent at `now`.
    pub fn is_due(&self, now: Instant) -> bool {
        self.is_wanted() && self.deadline(now).is_none()
    }

    /// The end of the back-off, if that is later than `now`.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| *at > now)
    }

    /// The request, which the caller sends.
    pub fn ask(&mut self, policy: &Policy) -> InitProducerIdRequest {
        self.phase = Phase::Asked;
        InitProducerIdRequest {
            transactional_id: policy.transactional_id(),
            transaction_timeout_ms: i32::MAX,
            ..InitProducerIdRequest::default()
        }
    }

    /// Notes that the request was refused or lost. It is wanted again. An id that is already known
    /// stays.
    pub fn missed(&mut self, rng: &mut Rng, now: Instant) {
        if self.phase == Phase::Asked {
            self.phase = Phase::Wanted;
        }
        self.not_before = Some(now + self.retry.delay(self.failures, rng));
        self.failures = self.failures.saturating_add(1);
    }

    /// Takes the answer.
    pub fn answered(&mut self, response: &InitProducerIdResponse, rng: &mut Rng, now: Instant) -> Answer {
        match response.error_code {
            ErrorCode::NONE if response.producer_id >= 0 => {
                self.failures = 0;
                self.was_known = true;
                self.phase = Phase::Known(ProducerIdentity {
                    producer_id: response.producer_id,
                    epoch: response.producer_epoch.max(0),
                });
                Answer::Known
            }
            code @ (ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::UNSUPPORTED_VERSION
            | ErrorCode::PRODUCER_FENCED) => Answer::Fatal(code),
            _ => {
                self.missed(rng, now);
                Answer::Later
            }
        }
    }

    /// The identity for a partition that has none yet.
    pub fn current(&self) -> Option<ProducerIdentity> {
        match self.phase {
            Phase::Known(identity) => Some(identity),
            Phase::Unneeded | Phase::Wanted | Phase::Asked => None,
        }
    }

    /// The identity that follows `spent` on a partition: its next epoch, or a newer id if the
    /// epochs are used up. `None` means that the newer id has yet to be asked for, and is
    /// wanted now.
    pub fn successor(&mut self, spent: ProducerIdentity) -> Option<ProducerIdentity> {
        if let Some(next) = spent.next_epoch() {
            return Some(next);
        }
        match self.phase {
            Phase::Known(identity) if identity.producer_id != spent.producer_id => Some(identity),
            Phase::Known(_) => {
                self.phase = Phase::Wanted;
                None
            }
            Phase::Unneeded | Phase::Wanted | Phase::Asked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::testing::origin;

    fn policy(enable_idempotence: bool) -> Policy {
        Policy::new(&Config {
            enable_idempotence,
            ..Config::default()
        })
    }

    fn answer(identity: &mut Identity, producer_id: i64, producer_epoch: i16) {
        let response = InitProducerIdResponse {
            producer_id,
            producer_epoch,
            ..InitProducerIdResponse::default()
        };
        let learned = identity.answered(&response, &mut Rng::new(1), origin());
        assert_eq!(learned, Answer::Known);
    }

    #[test]
    fn epochs_end_at_32767_and_then_a_new_id_is_asked_for_once() {
        let policy = policy(true);
        let mut identity = Identity::new(&policy);
        assert!(identity.is_wanted() && !identity.is_first_outstanding());
        assert_eq!(identity.ask(&policy).transactional_id, None);
        assert!(!identity.is_wanted() && identity.is_first_outstanding());
        answer(&mut identity, 9, i16::MAX - 1);
        let first = identity.current().expect("it was answered");
        let last = identity.successor(first).expect("one epoch is left");
        assert_eq!(last.epoch, i16::MAX);
        assert_eq!(identity.successor(last), None);
        assert!(identity.is_wanted());
        identity.ask(&policy);
        assert!(
            !identity.is_first_outstanding(),
            "other partitions still have an epoch"
        );
        assert_eq!(
            identity.successor(last),
            None,
            "a second partition waits for the same answer"
        );
        assert!(!identity.is_wanted());
        answer(&mut identity, 10, 0);
        let fresh = ProducerIdentity {
            producer_id: 10,
            epoch: 0,
        };
        assert_eq!(identity.successor(last), Some(fresh));
    }

    #[test]
    fn a_lost_request_is_wanted_again_after_a_back_off() {
        let (policy, now) = (policy(true), origin());
        let mut identity = Identity::new(&policy);
        assert!(identity.is_due(now));
        identity.ask(&policy);
        identity.missed(&mut Rng::new(1), now);
        assert!(identity.is_wanted() && !identity.is_due(now));
        let until = identity.deadline(now).expect("it backs off");
        assert!(identity.is_due(until));
    }

    #[test]
    fn a_plain_producer_never_asks() {
        let identity = Identity::new(&policy(false));
        assert!(!identity.is_wanted());
        assert_eq!(identity.current(), None);
    }
}
