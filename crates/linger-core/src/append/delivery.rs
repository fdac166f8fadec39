//! The outcome of one accepted record, as the application awaits it.
//!
//! The deliveries of a batch share one completion (`append/completion.rs`): each is a reference to
//! it and an index, so a record takes no channel and no allocation. Whoever has the batch has its
//! completer (`append/completer.rs`), which resolves the completion even when it is dropped. Hence
//! a delivery resolves also when a task panics or its runtime ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::append::completion::{Completion, Outcome, RecordOutcome};
use crate::append::record_metadata::{RecordMetadata, TopicName};
use crate::append::share::Share;
use crate::error::DeliveryError;

/// The outcome of one accepted record, to be awaited.
///
/// # Cancel safety
/// Dropping it cancels nothing: the record is sent all the same. It may be polled by one task and
/// then by another. Once it has resolved it stays pending, as a fused future does.
#[must_use = "the record is sent anyway, but only its delivery says whether it arrived"]
pub struct Delivery {
    /// `None` once it has resolved: its share then names the topic in the outcome, which saves
    /// counting two references more per record.
    completion: Option<Share<Completion>>,
    timestamp: i64,
    index: u32,
    /// Index of the waker registered for this delivery.
    slot: u32,
}

const NO_SLOT: u32 = u32::MAX;

impl Delivery {
    #[inline]
    pub(crate) fn new(completion: Share<Completion>, index: u32, timestamp: i64) -> Self {
        Self {
            completion: Some(completion),
            timestamp,
            index,
            slot: NO_SLOT,
        }
    }

    /// The topic that the record goes to. `None` once the delivery has resolved: [`RecordMetadata`]
    /// names it then.
    pub fn topic(&self) -> Option<&str> {
        self.completion.as_ref().map(|completion| &**completion.topic())
    }

    /// The partition index that the record goes to. `None` once the delivery has resolved:
    /// [`RecordMetadata`] names it then.
    pub fn partition(&self) -> Option<i32> {
        self.completion.as_ref().map(|completion| completion.partition())
    }

    /// The outcome, if it is known and was not taken by awaiting it.
    pub fn outcome(&self) -> Option<Result<RecordMetadata, DeliveryError>> {
        let completion = self.completion.as_ref()?;
        let outcome = completion.outcome(self.index)?;
        Some(self.read(outcome, completion.clone()))
    }

    fn read(
        &self,
        (outcome, position): RecordOutcome,
        completion: Share<Completion>,
    ) -> Result<RecordMetadata, DeliveryError> {
        match outcome {
            Outcome::Acknowledged {
                base_offset,
                log_append_time,
            } => Ok(self.metadata(base_offset, log_append_time, position, completion)),
            Outcome::Failed { error, undelivered } => Err(match undelivered {
                Some(undelivered) => error.with_undelivered(undelivered, position),
                None => error,
            }),
        }
    }

    /// The metadata of a record whose whole batch was acknowledged, which most records are when
    /// they are looked at.
    #[inline]
    fn acknowledged(&self, completion: Share<Completion>) -> Result<RecordMetadata, Share<Completion>> {
        match completion.whole() {
            Some(&Outcome::Acknowledged {
                base_offset,
                log_append_time,
            }) => Ok(self.metadata(base_offset, log_append_time, self.index, completion)),
            Some(Outcome::Failed { .. }) | None => Err(completion),
        }
    }

    #[inline]
    fn metadata(
        &self,
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
        position: u32,
        completion: Share<Completion>,
    ) -> RecordMetadata {
        RecordMetadata {
            partition: completion.partition(),
            topic: TopicName::new(completion),
            offset: base_offset.map(|base| base + i64::from(position)),
            timestamp: log_append_time.unwrap_or(self.timestamp),
        }
    }

    #[inline(never)]
    fn poll_slowly(
        &mut self,
        completion: Share<Completion>,
        cx: &Context<'_>,
    ) -> Poll<Result<RecordMetadata, DeliveryError>> {
        match completion.outcome_or_register(self.index, &mut self.slot, cx.waker()) {
            Some(outcome) => Poll::Ready(self.read(outcome, completion)),
            None => {
                self.completion = Some(completion);
                Poll::Pending
            }
        }
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, DeliveryError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(completion) = this.completion.take() else {
            return Poll::Pending;
        };
        match this.acknowledged(completion) {
            Ok(metadata) => Poll::Ready(Ok(metadata)),
            Err(completion) => this.poll_slowly(completion, cx),
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("index", &self.index)
            .field("outcome", &self.outcome())
            .finish()
    }
}

#[cfg(test)]
mod tests;
