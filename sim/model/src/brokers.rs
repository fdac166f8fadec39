//! The brokers of the cluster: what each broker's process does, and whether the controller takes
//! the broker for alive.

use crate::deadlines::DeadlineId;
use crate::fetch_sessions::FetchSessions;

/// One broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) process: Process,
    /// The controller takes the broker for dead: the broker is in no in-sync set, except as the
    /// last, and leads nothing.
    pub(crate) is_fenced: bool,
    /// When the controller takes the broker for dead, if the broker is silent.
    pub(crate) fence_due: Option<DeadlineId>,
    /// How many connections the broker has accepted.
    accepted: u64,
    pub(crate) fetch_sessions: FetchSessions,
}

/// What a broker's process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    Running,
    Frozen,
    Stopped,
}

impl Broker {
    fn new() -> Self {
        Self {
            process: Process::Running,
            is_fenced: false,
            fence_due: None,
            accepted: 0,
            fetch_sessions: FetchSessions::default(),
        }
    }

    /// Counts a connection and returns its number, from 1.
    pub(crate) fn accept(&mut self) -> u64 {
        self.accepted += 1;
        self.accepted
    }
}

/// All brokers, by id from 0.
#[derive(Debug)]
pub(crate) struct Brokers {
    by_id: Vec<Broker>,
}

impl Brokers {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            by_id: std::iter::repeat_with(Broker::new).take(count).collect(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, broker: i32) -> Option<&Broker> {
        self.by_id.get(usize::try_from(broker).ok()?)
    }

    pub(crate) fn get_mut(&mut self, broker: i32) -> Option<&mut Broker> {
        self.by_id.get_mut(usize::try_from(broker).ok()?)
    }

    /// Whether a broker reads, answers and fetches.
    pub(crate) fn is_running(&self, broker: i32) -> bool {
        self[broker].process == Process::Running
    }

    /// Whether the controller takes a broker for alive.
    pub(crate) fn is_live(&self, broker: i32) -> bool {
        !self[broker].is_fenced
    }

    /// The brokers that the controller takes for dead.
    pub(crate) fn fenced(&self) -> impl Iterator<Item = i32> + '_ {
        let fenced = self
            .by_id
            .iter()
            .enumerate()
            .filter(|(_, broker)| broker.is_fenced);
        fenced.map(|(id, _)| id as i32)
    }
}

impl std::ops::Index<i32> for Brokers {
    type Output = Broker;

    /// A broker that is known to exist.
    fn index(&self, broker: i32) -> &Broker {
        &self.by_id[broker as usize]
    }
}

impl std::ops::IndexMut<i32> for Brokers {
    fn index_mut(&mut self, broker: i32) -> &mut Broker {
        &mut self.by_id[broker as usize]
    }
}
