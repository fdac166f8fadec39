//! The future of a `send`: accepts its record when it is first polled, and waits only if it must.
//!
//! Written by hand because nearly all records are accepted at once: then nothing needs to be kept from one poll to the next,
//! which an `async fn` would prepare for all the same.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use linger_core::append::delivery::Delivery;
use linger_core::error::SendError;
use linger_core::record::Record;

use crate::producer::{Refusal, Shared, Turns};

/// A record on its way to being accepted; see [`Producer::send`](crate::Producer::send).
///
/// # Cancel safety
/// Dropped before it is ready, it has sent nothing.
#[must_use = "a future does nothing unless awaited: the record is not sent"]
pub struct SendFuture<'a> {
    shared: &'a Shared,
    record: Record<'a>,
    waiting: Option<Waiting<'a>>,
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Delivery, SendError>> + Send + 'a>>;

impl<'a> SendFuture<'a> {
    #[inline]
    pub(crate) fn new(shared: &'a Shared, record: Record<'a>) -> Self {
        Self {
            shared,
            record,
            waiting: None,
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&mut self, refusal: Refusal, cx: &mut Context<'_>) -> Poll<Result<Delivery, SendError>> {
        let waiting = Box::pin(self.shared.wait_and_accept(self.record, refusal));
        self.waiting.insert(waiting).as_mut().poll(cx)
    }
}

impl Future for SendFuture<'_> {
    type Output = Result<Delivery, SendError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(waiting) = &mut this.waiting {
            return waiting.as_mut().poll(cx);
        }
        match this.shared.accept(&this.record, Turns::Owed, None) {
            Ok(delivery) => Poll::Ready(Ok(delivery)),
            Err(refusal) => this.wait(refusal, cx),
        }
    }
}

impl fmt::Debug for SendFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture")
            .field("record", &self.record)
            .field("waits", &self.waiting.is_some())
            .finish()
    }
}
