//! How many batches of a partition may be out, and so which may leave next.

use crate::send::policy::Policy;
use crate::send::sequence::Idempotence;
use crate::send::window::Window;

/// How many batches of a partition may be out.
///
/// ```text
///            success                     a batch cannot take its place in the sequence any more
///   Probe ────────────► Open ─────────────────────────────────────────────► Draining
///    ▲  ▲                 │                                                    │
///    │  └──failure, move──┘                                                    │
///    └──────── new epoch, once nothing of the old one is unanswered ───────────┘
/// ```
///
/// A broker without state for a producer accepts any first sequence (KAFKA-15591), and after a
/// failure the successors of the failed batch are refused one by one. Hence one batch at a time
/// until a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// One batch, and nothing else until it is answered.
    Probe,
    /// As many as the policy allows.
    Open,
    /// Nothing new. The first `intact` batches continue under their stamps, one at a time, since
    /// the chain of sequences up to them is whole; those after it wait for the new epoch.
    Draining {
        /// How many batches at the front are before the gap.
        intact: usize,
    },
}

/// What may leave a partition now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextSend {
    /// A batch that was sent before.
    Resend,
    /// The head of the queue.
    Fresh,
    /// Nothing, until something happens.
    Nothing,
}

impl Flow {
    /// What may leave a partition with these batches in its window.
    pub fn next_send(self, window: &Window, policy: &Policy) -> NextSend {
        let waiting = window.first_idle();
        match self {
            Self::Probe if window.is_out() => NextSend::Nothing,
            Self::Probe if waiting.is_some() => NextSend::Resend,
            Self::Probe => NextSend::Fresh,
            Self::Open if window.is_held() => NextSend::Nothing,
            Self::Open if waiting.is_some() => NextSend::Resend,
            Self::Open if is_full(window, policy) => NextSend::Nothing,
            Self::Open => NextSend::Fresh,
            Self::Draining { intact } => match waiting {
                Some(index) if index < intact && !window.is_out() => NextSend::Resend,
                Some(_) | None => NextSend::Nothing,
            },
        }
    }

    /// Lets one batch out at a time, until a success.
    pub fn probe(&mut self) {
        if *self == Self::Open {
            *self = Self::Probe;
        }
    }

    /// A batch was acknowledged.
    pub fn succeeded(&mut self) {
        if *self == Self::Probe {
            *self = Self::Open;
        }
    }

    /// What is at `index` and after it cannot be sent under this epoch any more.
    pub fn gap_at(&mut self, index: usize) {
        *self = match *self {
            Self::Draining { intact } => Self::Draining {
                intact: intact.min(index),
            },
            Self::Probe | Self::Open => Self::Draining { intact: index },
        };
    }

    /// The batch at `index` was replaced by `count` batches.
    pub fn replaced(&mut self, index: usize, count: usize) {
        if let Self::Draining { intact } = self
            && index < *intact
        {
            *intact = (*intact + count).saturating_sub(1);
        }
    }
}

/// Returns true if no further batch may be stamped. A broker remembers the last five batches that
/// it appended. The oldest unresolved one must stay among them, also when later ones were
/// acknowledged before it, or its retry would look like a gap.
fn is_full(window: &Window, policy: &Policy) -> bool {
    let reach = match policy.idempotence {
        Idempotence::On => window.reach(),
        Idempotence::Off => 0,
    };
    window.len().max(reach) >= policy.unresolved_max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_opens_and_only_a_new_epoch_ends_draining() {
        let mut flow = Flow::Probe;
        flow.succeeded();
        assert_eq!(flow, Flow::Open);
        flow.probe();
        assert_eq!(flow, Flow::Probe);
        flow.gap_at(2);
        flow.succeeded();
        flow.probe();
        assert_eq!(flow, Flow::Draining { intact: 2 });
    }

    #[test]
    fn the_intact_batches_are_those_before_the_first_gap() {
        let mut flow = Flow::Open;
        flow.gap_at(3);
        flow.gap_at(4);
        assert_eq!(flow, Flow::Draining { intact: 3 });
        flow.replaced(1, 2);
        assert_eq!(flow, Flow::Draining { intact: 4 }, "one was split");
        flow.replaced(0, 0);
        assert_eq!(flow, Flow::Draining { intact: 3 }, "one is resolved");
        flow.replaced(3, 0);
        flow.gap_at(1);
        assert_eq!(flow, Flow::Draining { intact: 1 });
    }
}
