//! What the shell tells the model.

use crate::control::Control;
use crate::ids::ConnectionId;
use crate::parsed_frame::Examined;

/// Something that happens to the cluster.
#[derive(Debug)]
pub enum Event {
    /// A client connected. The first request may be read at once.
    Opened {
        /// The connection, with an id that was never used before.
        connection: ConnectionId,
        /// The broker that the client connected to.
        broker: i32,
    },
    /// A whole request arrived. The next one must wait for
    /// [`Action::Resume`](crate::Action::Resume).
    Request {
        /// The connection.
        connection: ConnectionId,
        /// What [`examine`](crate::examine) found in the frame.
        examined: Examined,
    },
    /// The connection is gone. Requests that came before are still carried out.
    Closed {
        /// The connection.
        connection: ConnectionId,
    },
    /// As [`ClusterModel::control`](crate::ClusterModel::control), ignoring a refusal.
    Control(Control),
}
