//! Which real cluster to use, and which topic in it.

/// A real cluster and a topic in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteOptions {
    /// The bootstrap servers: `host:port`, separated by commas.
    pub bootstrap: String,
    /// The topic.
    pub topic: TopicChoice,
}

/// The topic that the records go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicChoice {
    /// A topic of the user's. It stays, with what is written to it.
    Existing {
        /// The topic's name.
        name: String,
        /// How many of its partitions to use, from 0 on; `None`: all.
        partitions: Option<u32>,
    },
    /// A new topic that is removed at the end.
    Created {
        /// Replicas of each partition; `None`: three, or as many as there are brokers.
        replication_factor: Option<u32>,
    },
}
