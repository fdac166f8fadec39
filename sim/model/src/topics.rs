//! Which topics there are: names, ids, and the partitions of each.

use std::collections::BTreeMap;
use std::time::Instant;

use linger_protocol::{Str, Uuid};

use crate::brokers::Brokers;
use crate::config::{ConfigError, ResolvedTopic};
use crate::ids::PartitionKey;
use crate::partitions::Partitions;
use crate::rng::Rng;
use crate::settings::TopicConfigs;

/// Which brokers hold each partition of a topic, the preferred leader first.
pub(crate) type Assignment = Vec<Vec<i32>>;

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
    /// The settings that the topic was given.
    pub(crate) configs: TopicConfigs,
    /// By partition index.
    pub(crate) partitions: Vec<PartitionKey>,
}

impl Topic {
    fn partition(&self, index: i32) -> Option<PartitionKey> {
        self.partitions.get(usize::try_from(index).ok()?).copied()
    }
}

/// A topic that is to be created.
pub(crate) struct NewTopic {
    topic: ResolvedTopic,
    assignment: Assignment,
}

impl NewTopic {
    /// Partition p is led by broker p modulo the number of brokers, and the next brokers hold the
    /// partition too.
    ///
    /// # Errors
    /// If a topic must not have these settings.
    pub(crate) fn spread(topic: ResolvedTopic, brokers: usize) -> Result<Self, ConfigError> {
        topic.validate(brokers)?;
        let replicas = topic.replication_factor as usize;
        let holders = |index: i32| (0..replicas).map(move |nth| ((index as usize + nth) % brokers) as i32);
        let assignment = (0..topic.partitions)
            .map(|index| holders(index).collect())
            .collect();
        Ok(Self { topic, assignment })
    }

    /// A topic whose replicas the client chose, and which was checked.
    pub(crate) fn assigned(topic: ResolvedTopic, assignment: Assignment) -> Self {
        Self { topic, assignment }
    }
}

/// The topics by name.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: BTreeMap<Str, Topic>,
}

impl Topics {
    pub(crate) fn by_name(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    pub(crate) fn by_id(&self, id: &Uuid) -> Option<&Topic> {
        self.iter().find(|topic| topic.id == *id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values()
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Option<PartitionKey> {
        self.by_name(topic)?.partition(index)
    }

    /// A topic whose metrics would have the same names in Kafka, which replaces `.` by `_` there.
    pub(crate) fn colliding_with(&self, name: &str) -> Option<&Topic> {
        let plain = |name: &str| name.replace('.', "_");
        let wanted = plain(name);
        self.iter().find(|topic| plain(&topic.name) == wanted)
    }

    /// Creates a topic and its partitions, and returns the topic's id.
    ///
    /// # Errors
    /// If there is a topic of this name, or of a colliding one.
    pub(crate) fn create(
        &mut self,
        new: NewTopic,
        partitions: &mut Partitions,
        brokers: &Brokers,
        rng: &mut Rng,
        now: Instant,
    ) -> Result<Uuid, ConfigError> {
        let NewTopic { topic, assignment } = new;
        if self.colliding_with(&topic.name).is_some() {
            return Err(ConfigError::TopicExists { topic: topic.name });
        }
        let id = new_topic_id(rng);
        let keys = (0..).zip(&assignment);
        let keys = keys.map(|(index, holders)| partitions.create(&topic, index, holders, brokers, now));
        let created = Topic {
            partitions: keys.collect(),
            name: topic.name.clone(),
            configs: topic.configs,
            id,
        };
        self.by_name.insert(topic.name, created);
        Ok(id)
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Topic> {
        self.by_name.remove(name)
    }
}

/// Any id but zero, which stands for "no id".
pub(crate) fn new_topic_id(rng: &mut Rng) -> Uuid {
    let mut id = Uuid::default();
    id[..8].copy_from_slice(&rng.next_u64().to_be_bytes());
    id[8..].copy_from_slice(&(rng.next_u64() | 1).to_be_bytes());
    id
}
