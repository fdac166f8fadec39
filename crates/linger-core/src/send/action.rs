//! What the sender wants done: the only way in which it acts.

use std::sync::Arc;

use linger_protocol::messages::RequestBody;

use crate::address::Address;
use crate::append::cluster_view::ClusterView;
use crate::append::encode_job::EncodeJob;
use crate::ids::{BrokerId, ConnectionId, FlushId, RequestId};
use crate::send::split::SplitTask;

/// One thing to do. Each is done once, in order.
#[derive(Debug)]
pub enum Action {
    /// Compress a batch off the I/O tasks, and bring it back by [`handle_encoded`]. Only batches
    /// with a codec come this way: without one the sender computes the checksum itself.
    ///
    /// [`handle_encoded`]: crate::send::sender::Sender::handle_encoded
    Encode(EncodeJob),
    /// Encode parts of a batch anew off the I/O tasks, and bring them back by [`handle_split`].
    ///
    /// [`handle_split`]: crate::send::sender::Sender::handle_split
    Split(SplitTask),
    /// Dial, agree on versions, and report [`handle_connected`] or [`handle_disconnected`].
    ///
    /// [`handle_connected`]: crate::send::sender::Sender::handle_connected
    /// [`handle_disconnected`]: crate::send::sender::Sender::handle_disconnected
    Connect {
        /// The connection to be.
        connection: ConnectionId,
        /// Which broker is expected there; `None` for a bootstrap server.
        broker: Option<BrokerId>,
        /// Where.
        address: Address,
    },
    /// Write a request on a live connection.
    Request {
        /// The connection.
        connection: ConnectionId,
        /// Its number there, and (wrapped to 32 bits) its correlation id.
        id: RequestId,
        /// The version to write it in.
        version: i16,
        /// The request.
        request: RequestBody,
        /// `acks=0`: no response will come.
        no_response: bool,
    },
    /// End a connection or a dial, and report [`handle_disconnected`] with what was written.
    ///
    /// [`handle_disconnected`]: crate::send::sender::Sender::handle_disconnected
    Disconnect {
        /// The connection.
        connection: ConnectionId,
    },
    /// Show the application's side this state of the cluster.
    Publish(Arc<ClusterView>),
    /// This flush is done.
    Flushed(FlushId),
    /// The producer is closed: everything is resolved and every connection was told to end. The
    /// last action.
    Closed,
}
