//! The integers that must not be confused with each other.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A broker's `node_id`.
    BrokerId(i32)
}
id! {
    /// A partition of a topic as this producer counts them: dense from 0, one per topic and partition index, never
    /// reused. Not the partition's index within its topic.
    PartitionId(u32)
}
id! {
    /// One connection, from its dial to its end; never reused.
    ConnectionId(u64)
}
id! {
    /// A request of one connection: consecutive from 0, so that (wrapped to 32 bits) it is the correlation id too.
    RequestId(u64)
}
id! {
    /// A flush: it is done when every batch opened before it began is resolved.
    FlushId(u64)
}
