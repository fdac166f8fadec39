//! Where a delivered record is.

use std::fmt;
use std::ops::Deref;

use crate::append::completion::Completion;
use crate::append::share::Share;

/// Where a delivered record is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordMetadata {
    /// Topic.
    pub topic: TopicName,
    /// Partition index.
    pub partition: i32,
    /// Offset in the partition's log. `None` if the broker did not say: with `acks=0`, or when it
    /// recognised a duplicate of a batch that it no longer remembers exactly.
    pub offset: Option<i64>,
    /// Milliseconds since the Unix epoch: the record's own, or the broker's on a topic with
    /// `LogAppendTime`.
    pub timestamp: i64,
}

/// The topic of a delivered record: its batch's share of the name, which reads as a `str`.
#[derive(Clone)]
pub struct TopicName(Share<Completion>);

impl TopicName {
    pub(crate) fn new(completion: Share<Completion>) -> Self {
        Self(completion)
    }
}

impl Deref for TopicName {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.topic()
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for TopicName {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TopicName {}

impl PartialEq<str> for TopicName {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
