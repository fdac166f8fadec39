//! The shell around the cluster model: listeners, connections and the clock. The shell decides
//! nothing about Kafka.
//!
//! A connection's task reads a frame and examines its bytes, in parallel with other connections.
//! The task hands the frame to the model behind one lock, and carries out the model's actions for
//! the connection. A thread of its own wakes the model at its deadlines: Tokio's timer rounds up to
//! a millisecond, which is longer than a fast follower takes.

mod acceptor;
mod blackhole;
mod broker;
mod connection;
mod listener;
mod model_handle;
mod session;
mod shared;

pub(crate) use self::blackhole::Blackhole;
pub(crate) use self::broker::Broker;
pub(crate) use self::listener::{BindError, listen};
pub(crate) use self::model_handle::{ModelHandle, Timer};
pub(crate) use self::shared::Phase;
