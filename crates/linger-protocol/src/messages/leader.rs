//! The fields about a new leader (KIP-951), which Produce and Fetch share.

use crate::Str;

message! {
    /// Names the leader of a partition. It is a tagged field, which is left out at its default.
    pub struct LeaderIdAndEpoch {
        /// The broker that leads now, -1 if unknown.
        pub leader_id: i32 => [0..] = -1,
        /// The epoch in which it leads, -1 if unknown.
        pub leader_epoch: i32 => [0..] = -1,
    }

    /// Says where a broker can be reached.
    pub struct NodeEndpoint {
        /// The broker.
        pub node_id: i32 => [0..],
        /// Its host name or address.
        pub host: Str => [0..],
        /// Its port.
        pub port: i32 => [0..],
        /// Its rack, if it has one.
        pub rack: Option<Str> => [0..],
    }
}
