//! What the model tells its shell to do.

use linger_protocol::{Scatter, Sink};

use crate::ids::ConnectionId;

/// Something that the shell must do. The actions of one connection must be carried out in order.
#[derive(Debug)]
pub enum Action {
    /// Send an answer.
    Reply {
        /// The connection.
        connection: ConnectionId,
        /// The answer.
        frame: Reply,
        /// If set, send only so many bytes of the answer, then close the connection.
        cut: Option<usize>,
    },
    /// Read the connection's next request.
    Resume {
        /// The connection.
        connection: ConnectionId,
    },
    /// Close the connection.
    Close {
        /// The connection.
        connection: ConnectionId,
        /// In which way.
        how: Close,
    },
}

impl Action {
    /// Returns the connection that the action concerns.
    pub fn connection(&self) -> ConnectionId {
        match self {
            Self::Reply { connection, .. } | Self::Resume { connection } | Self::Close { connection, .. } => {
                *connection
            }
        }
    }
}

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// In good order (FIN).
    Fin,
    /// Abruptly (RST).
    Reset,
}

/// A whole answer with its length prefix. Records in the answer are shared with the log.
#[derive(Debug)]
pub struct Reply(pub(crate) Scatter);

impl Reply {
    /// Returns the pieces to write.
    pub fn into_scatter(self) -> Scatter {
        self.0
    }

    /// Copies the answer into one piece.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// Returns the size of the answer in bytes.
    pub fn size(&self) -> usize {
        self.0.size()
    }
}
