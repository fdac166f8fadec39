//! The producer ids of the cluster.

/// Gives every idempotent producer an id of its own.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    next: i64,
}

impl ProducerIds {
    pub(crate) fn allocate(&mut self) -> i64 {
        let id = self.next;
        self.next += 1;
        id
    }
}
