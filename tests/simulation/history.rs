//! What happened in a run, in one total order: what the application did and was told, what was on
//! the wire, and what the brokers really did. The checks read nothing else; they never ask the
//! producer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::payload::Claim;
pub(crate) use crate::payload::Sid;

/// A produce request that the producer handed to a connection, unique in its run.
pub(crate) type FrameId = u64;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tp {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
}

impl Tp {
    pub(crate) fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Debug for Tp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Under which name an idempotent producer writes to one partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.producer_id, self.epoch)
    }
}

/// What a delivery told the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok {
        tp: Tp,
        offset: Option<i64>,
        timestamp: i64,
    },
    Failed {
        class: Class,
        why: Why,
        code: Option<i16>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    NotWritten,
    PossiblyWritten,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// `delivery.timeout.ms` ran out.
    Expired,
    /// The producer was closed first.
    Closed,
    /// Anything else: a broker's refusal, a record too large.
    Other,
}

/// One batch inside a produce request, read from the bytes that went to the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireBatch {
    pub(crate) tp: Tp,
    pub(crate) identity: Identity,
    pub(crate) base_sequence: i32,
    /// Hash of all bytes the CRC covers, and the CRC.
    pub(crate) bytes: u64,
    /// What each record says of itself, in order; or why the batch does not read.
    pub(crate) records: Result<Vec<Held>, String>,
}

impl WireBatch {
    pub(crate) fn count(&self) -> i32 {
        self.records.as_ref().map_or(0, |records| {
            i32::try_from(records.len()).expect("a batch's count is an i32")
        })
    }

    pub(crate) fn sids(&self) -> impl Iterator<Item = Sid> {
        let records = self.records.as_deref().unwrap_or(&[]);
        records
            .iter()
            .filter_map(|record| record.claim.as_ref().ok())
            .map(|claim| claim.sid)
    }
}

/// A record as found in a batch, on the wire or in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) claim: Result<Claim, String>,
    /// Hash over key, value and headers.
    pub(crate) content: u64,
    pub(crate) timestamp: i64,
}

/// A record of the final log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) offset: i64,
    pub(crate) record: Held,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    // What the application did and was told.
    Invoked {
        claim: Claim,
        content: u64,
        timestamp: i64,
    },
    /// In the accumulator, bound for this partition.
    Accepted {
        sid: Sid,
        tp: Tp,
    },
    /// Never accepted: refused, timed out in line, or its future dropped while it waited.
    Rejected {
        sid: Sid,
    },
    /// The application dropped the delivery; it will be told nothing.
    Cancelled {
        sid: Sid,
    },
    Resolved {
        sid: Sid,
        outcome: Outcome,
    },
    FlushInvoked {
        flush: u64,
    },
    FlushReturned {
        flush: u64,
    },
    CloseInvoked {
        within: Duration,
    },
    CloseReturned,

    // What was on the producer's end of the wire.
    Sent {
        frame: FrameId,
        connection: u64,
        broker: i32,
        batches: Vec<WireBatch>,
    },
    /// The transport has taken the frame's last byte.
    Written {
        frame: FrameId,
    },
    /// The answer reached the producer.
    Answered {
        frame: FrameId,
        codes: Vec<(Tp, i16)>,
    },
    /// The producer was told that this connection is no more.
    Ended {
        connection: u64,
    },

    // What the brokers did.
    Appended {
        broker: i32,
        tp: Tp,
        base_offset: i64,
        identity: Identity,
        base_sequence: i32,
        records: Vec<Held>,
    },
    DuplicateAcknowledged {
        tp: Tp,
        identity: Identity,
        base_sequence: i32,
    },
    LeaderMoved {
        tp: Tp,
        to: Option<i32>,
    },
    /// Batches of this partition linger for so long from now on, the one that is open included.
    LingerChanged {
        tp: Tp,
        linger: Duration,
    },
    /// A new leader lacked the end of the log: what was not replicated is gone.
    Truncated {
        tp: Tp,
        from: i64,
        until: i64,
    },
    /// Every fault has ended: from here on the cluster is well.
    Healed,
}

/// What is left when all is said and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Residue {
    /// The producer's own count of charged bytes.
    pub(crate) memory: usize,
    pub(crate) open_connections: usize,
    pub(crate) accepted: u64,
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    /// Handed back undelivered by close.
    pub(crate) returned: u64,
    /// Neither, though the producer says it is closed.
    pub(crate) unresolved: u64,
}

/// What the run promised, given its configuration and its faults.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) idempotent: bool,
    pub(crate) acks: i16,
    /// Order within a partition is promised.
    pub(crate) ordered: bool,
    pub(crate) max_in_flight: usize,
    pub(crate) delivery_timeout: Duration,
    pub(crate) retry_backoff: Duration,
    /// How long batches linger in the beginning. `None` if faults or a codec may keep them longer.
    pub(crate) linger: Option<Duration>,
    /// Slack for every time limit: one timer's tick.
    pub(crate) grace: Duration,
    /// How many times a partition may change its epoch, when the faults give no reason to more
    /// often.
    pub(crate) new_epochs_max: Option<usize>,
    /// How long after [`Event::Healed`] every record must be delivered.
    pub(crate) recovery: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Virtual time since the run began.
    pub(crate) at: Duration,
    pub(crate) event: Event,
}

/// One run. An event's index in `entries` is its place in the total order.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) run: u64,
    pub(crate) rules: Rules,
    pub(crate) entries: Vec<Entry>,
    /// The final log of each partition, as a reader finds it after all faults have healed.
    pub(crate) logs: BTreeMap<Tp, Vec<Stored>>,
    pub(crate) residue: Option<Residue>,
}

impl History {
    pub(crate) fn new(run: u64, rules: Rules) -> Self {
        Self {
            run,
            rules,
            entries: Vec::new(),
            logs: BTreeMap::new(),
            residue: None,
        }
    }

    pub(crate) fn push(&mut self, at: Duration, event: Event) {
        self.entries.push(Entry { at, event });
    }
}
