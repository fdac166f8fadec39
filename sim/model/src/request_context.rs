//! What a request is, whatever it asks for.

use std::time::Duration;

use linger_protocol::{ApiKey, Str};

use crate::fault::Context;
use crate::ids::{ConnectionId, RequestId};

/// A request's origin and header.
#[derive(Debug)]
pub(crate) struct RequestContext {
    pub(crate) id: RequestId,
    pub(crate) connection: ConnectionId,
    /// The number of the connection among those of its broker, counted from 1.
    pub(crate) nth_connection: u64,
    pub(crate) broker: i32,
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<Str>,
}

impl RequestContext {
    /// The request as fault rules see it at a point that the request passes as a whole.
    pub(crate) fn at_whole(&self, elapsed: Duration) -> Context<'_> {
        Context {
            api: self.api,
            version: self.version,
            broker: self.broker,
            client_id: self.client_id.as_deref(),
            connection: self.nth_connection,
            topic: None,
            partition: None,
            elapsed,
        }
    }

    /// The request as fault rules see it at a point that each partition passes.
    pub(crate) fn at_partition<'a>(
        &'a self,
        topic: &'a str,
        partition: i32,
        elapsed: Duration,
    ) -> Context<'a> {
        Context {
            topic: Some(topic),
            partition: Some(partition),
            ..self.at_whole(elapsed)
        }
    }
}
