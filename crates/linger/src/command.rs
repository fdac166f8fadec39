//! Commands to the driver: from the producer's handles, from dials, and from the encoder's threads.

use std::sync::Arc;
use std::time::Instant;

use linger_core::ids::{ConnectionId, FlushId};
use tokio::sync::oneshot;

use crate::dial::{DialError, Dialed};
use crate::encoder::Done;

/// An event that reaches the driver by its channel, and not by its sockets and its timer.
pub(crate) enum Command {
    TopicWanted(Arc<str>),
    Flush(FlushId, oneshot::Sender<()>),
    Close { deadline: Instant },
    Dialed(ConnectionId, Result<Dialed, DialError>),
    Done(Done),
}
