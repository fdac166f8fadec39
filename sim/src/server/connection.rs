//! An accepted connection and its place in the broker's counters.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tracing::warn;

use super::shared::Shared;

/// How many connections per broker are warned about for not speaking Kafka's protocol.
const WARNINGS_MAX: u64 = 100;

/// An accepted connection, counted for as long as it is open.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) broker: Arc<Shared>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, broker: Arc<Shared>) -> Self {
        broker.counters.connected();
        Self { stream, peer, broker }
    }

    /// Warns that the client does not speak Kafka's protocol. A port scanner must not fill the log,
    /// so the number of warnings is limited.
    pub(super) fn warn_of_other_protocol(&self, what: &str) {
        let (id, peer) = (self.broker.id, self.peer);
        let count = self.broker.counters.non_kafka_connection();
        if count <= WARNINGS_MAX {
            warn!("broker {id} closes the connection of {peer}: {what}");
        }
        if count == WARNINGS_MAX {
            warn!("broker {id}: that was warning {count} of this kind, and the last");
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.broker.counters.disconnected();
    }
}
