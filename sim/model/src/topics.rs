//! Which topics there are: names, ids, and the partitions of each.

use std::collections::BTreeMap;

use linger_protocol::{Str, Uuid};

/// The longest topic name: with partition and suffix it must fit a file name.
pub const TOPIC_NAME_LEN_MAX: usize = 249;

/// A partition's place in the model, never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionKey(pub(crate) u32);

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
    /// By partition index.
    pub(crate) partitions: Vec<PartitionKey>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<PartitionKey> {
        self.partitions.get(usize::try_from(index).ok()?).copied()
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

    /// A topic whose name would give the same metric names: Kafka replaces `.` by `_` there.
    pub(crate) fn colliding_with(&self, name: &str) -> Option<&Topic> {
        let plain = |name: &str| name.replace('.', "_");
        let wanted = plain(name);
        self.iter().find(|topic| plain(&topic.name) == wanted)
    }

    pub(crate) fn insert(&mut self, topic: Topic) {
        self.by_name.insert(topic.name.clone(), topic);
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Topic> {
        self.by_name.remove(name)
    }
}

/// Checks a name by Kafka's rules; says which one it breaks.
pub(crate) fn validate_name(name: &str) -> Result<(), &'static str> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Err("it is empty"),
        "." | ".." => Err("it is '.' or '..'"),
        _ if name.len() > TOPIC_NAME_LEN_MAX => Err("it is longer than 249 characters"),
        _ if !name.chars().all(is_legal) => {
            Err("it has a character other than ASCII letters, digits, '.', '_' and '-'")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_by_kafkas_rules() {
        for valid in ["a", "orders.v1", "A_b-9", "...", &"x".repeat(249)] {
            assert_eq!(validate_name(valid), Ok(()), "{valid}");
        }
        for invalid in ["", ".", "..", "a b", "ü", "a/b", &"x".repeat(250)] {
            assert!(validate_name(invalid).is_err(), "{invalid}");
        }
    }
}
