//! The future of a `send`. It accepts its record at the first poll, and waits only if it must.
//!
//! It is written by hand because nearly all records are accepted at the first poll. An `async fn`
//! would prepare a state for later polls every time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use linger_core::append::delivery::Delivery;
use linger_core::error::SendError;
use linger_core::record::Record;

use crate::shared::{Refusal, Shared, YieldToDriver};

/// The future of [`Producer::send`](crate::Producer::send). Its output is a [`Delivery`], or the
/// [`SendError`] of a refused record.
///
/// # Cancel safety
/// A future that is dropped before it is ready has not accepted the record.
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
        match this.shared.accept(&this.record, YieldToDriver::IfDue, None) {
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
