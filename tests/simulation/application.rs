//! The application in the world: its tasks send, wait, flush and drop deliveries.
//!
//! Each task has a waker of its own. Futures are polled only when they were woken. So a wake-up
//! that never comes is seen as a record that never resolves.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use linger_core::append::appended::AppendError;
use linger_core::append::cluster_view::{ClusterView, TopicState, TopicView};
use linger_core::append::record_metadata::RecordMetadata;
use linger_core::append::sticky::Sticky;
use linger_core::error::{Certainty, DeliveryError, DeliveryErrorKind};
use linger_core::ids::FlushId;
use linger_core::record::Record;

use crate::evidence;
use crate::history::{Class, Event, Outcome, Sid, Tp, Why};
use crate::payload::Claim;
use crate::task::{SendFuture, State};
use crate::workload::Step;
use crate::world::{Happening, World};

impl World {
    /// Gives every woken task its turn, until none is woken.
    pub(crate) fn run_tasks(&mut self) {
        loop {
            let woken = std::mem::take(&mut *self.woken.lock().expect("no task panics with it"));
            if woken.is_empty() {
                return;
            }
            for task in woken {
                self.run_task(task);
            }
        }
    }

    pub(crate) fn wake_task(&self, task: usize) {
        self.tasks[task].waker.wake_by_ref();
    }

    /// A pause has ended.
    pub(crate) fn pause_over(&mut self, task: usize) {
        if let State::Paused = self.tasks[task].state {
            self.tasks[task].state = State::Running;
        }
        self.wake_task(task);
    }

    fn run_task(&mut self, task: usize) {
        self.poll_deliveries(task);
        loop {
            let state = std::mem::replace(&mut self.tasks[task].state, State::Running);
            let (state, go_on) = match state {
                State::Running => self.take_step(task),
                State::SendFuture(sending) => self.try_send(task, sending),
                State::Awaiting if self.tasks[task].pending.is_empty() => (State::Running, true),
                waiting @ (State::Paused | State::Flushing(_) | State::Awaiting | State::Done) => {
                    (waiting, false)
                }
            };
            self.tasks[task].state = state;
            if !go_on {
                return;
            }
        }
    }

    fn take_step(&mut self, task: usize) -> (State, bool) {
        let this = &mut self.tasks[task];
        let Some(step) = this.script.get(this.next).cloned() else {
            return (State::Done, false);
        };
        this.next += 1;
        match step {
            Step::Pause(pause) => {
                self.agenda.after(pause, Happening::PauseOver(task));
                (State::Paused, false)
            }
            Step::AwaitAll => (State::Awaiting, true),
            Step::Flush => {
                if self.is_closing() {
                    return (State::Running, true);
                }
                let flush = self.accumulator.begin_flush();
                self.record(Event::FlushInvoked { flush: flush.0 });
                let now = self.now();
                self.sender.handle_flush(flush, now);
                self.wake_driver();
                (State::Flushing(flush), false)
            }
            Step::Send {
                topic,
                partition,
                key,
                filler,
                then_drop,
            } => {
                let sid = self.next_sid();
                let this = &mut self.tasks[task];
                this.sent += 1;
                let claim = Claim {
                    run: self.history.run,
                    sid,
                    task: u32::try_from(task).expect("few tasks"),
                    index: this.sent,
                    topic: topic.into(),
                    partition,
                    filler,
                };
                let value = claim.encode();
                let content = evidence::content(key.as_deref(), Some(&value), std::iter::empty());
                let timestamp = self.wall_clock();
                self.record(Event::Invoked {
                    claim: claim.clone(),
                    content,
                    timestamp,
                });
                let deadline = self.agenda.now() + self.config.max_block;
                let sending = SendFuture {
                    claim,
                    key,
                    value,
                    then_drop,
                    deadline,
                    line: None,
                    turn: None,
                };
                (State::SendFuture(sending), true)
            }
        }
    }

    /// `send`: waits for metadata, then for memory, then appends. Everything that waits comes
    /// before the append.
    fn try_send(&mut self, task: usize, mut sending: SendFuture) -> (State, bool) {
        let sid = sending.claim.sid;
        let timestamp = self.timestamp_of(sid);
        if self.is_closing() {
            return self.reject(sid, "closed");
        }
        if self.agenda.now() >= sending.deadline {
            return self.reject(sid, "max.block.ms");
        }
        if let Some(line) = &mut sending.line {
            match line
                .as_mut()
                .poll(&mut Context::from_waker(&self.tasks[task].waker))
            {
                Poll::Ready(turn) => (sending.line, sending.turn) = (None, Some(turn)),
                Poll::Pending => return (State::SendFuture(sending), false),
            }
        }
        let Some(topic) = self.topic(&sending.claim.topic) else {
            let deadline = sending.deadline;
            self.agenda.at(deadline, Happening::PauseOver(task));
            return (State::SendFuture(sending), false);
        };
        let Some(index) = self.choose(task, &topic, &sending) else {
            return self.reject(sid, "no such partition");
        };
        let queue = topic.partitions[index as usize].queue.clone();
        let now = self.now();
        let mut record = Record::to(&sending.claim.topic).value(&sending.value);
        record.key = sending.key.as_deref();
        let record = record.stored();
        let appended = match &mut sending.turn {
            Some(turn) => self
                .accumulator
                .append_with_permit(turn, &queue, &record, timestamp, || now),
            None => self.accumulator.append(&queue, &record, timestamp, || now),
        };
        match appended {
            Ok(appended) => {
                let tp = Tp {
                    topic: sending.claim.topic.clone(),
                    partition: queue.partition(),
                };
                self.record(Event::Accepted { sid, tp });
                if appended.wake {
                    self.wake_driver();
                }
                if sending.claim.partition.is_none() && sending.key.is_none() {
                    let batch_size = self.config.batch_size;
                    self.sticky(task, &topic)
                        .sent(appended.bytes, appended.filled, batch_size);
                }
                if sending.then_drop {
                    self.record(Event::Cancelled { sid });
                } else {
                    self.tasks[task].pending.push((sid, appended.delivery));
                    self.poll_deliveries(task);
                }
                (State::Running, true)
            }
            Err(AppendError::NeedMemory { bytes, wake }) => {
                self.trace(|| format!("record {sid} waits for {bytes} bytes"));
                self.memory_waits += 1;
                sending.line = Some(Box::pin(self.accumulator.memory().wait(bytes)));
                self.agenda.at(sending.deadline, Happening::PauseOver(task));
                if wake {
                    self.wake_driver();
                }
                sending.turn = None;
                (State::SendFuture(sending), true)
            }
            Err(AppendError::TooLarge { .. }) => self.reject(sid, "too large"),
            Err(AppendError::Closed) => self.reject(sid, "closed"),
        }
    }

    fn reject(&mut self, sid: Sid, why: &str) -> (State, bool) {
        self.trace(|| format!("record {sid} rejected: {why}"));
        self.record(Event::Rejected { sid });
        (State::Running, true)
    }

    /// The topic as the application knows it; asks for it if it is unknown.
    fn topic(&mut self, name: &Arc<str>) -> Option<Arc<TopicView>> {
        let known = self
            .view
            .topic(name)
            .filter(|topic| topic.state == TopicState::Ok && !topic.partitions.is_empty());
        if let Some(topic) = known {
            return Some(topic.clone());
        }
        let now = self.now();
        self.sender.handle_topic_wanted(name, now);
        self.wake_driver();
        None
    }

    fn choose(&mut self, task: usize, topic: &TopicView, sending: &SendFuture) -> Option<u32> {
        let count = u32::try_from(topic.partitions.len()).expect("few partitions");
        if let Some(partition) = sending.claim.partition {
            return u32::try_from(partition)
                .ok()
                .filter(|partition| *partition < count);
        }
        let by_key = self.config.partitioner.for_key(sending.key.as_deref(), count);
        by_key.or_else(|| self.sticky(task, topic).partition(topic))
    }

    fn sticky(&mut self, task: usize, topic: &TopicView) -> &mut Sticky {
        let sticky = &mut self.tasks[task].sticky;
        sticky
            .entry(topic.name.clone())
            .or_insert_with(|| Sticky::new(task as u64, topic))
    }

    pub(crate) fn publish(&mut self, view: Arc<ClusterView>) {
        self.trace(|| format!("cluster view {}", view.generation()));
        self.view = view;
        for task in 0..self.tasks.len() {
            self.wake_task(task);
        }
    }

    pub(crate) fn flushed(&mut self, flush: FlushId) {
        for task in 0..self.tasks.len() {
            self.poll_deliveries(task);
        }
        self.record(Event::FlushReturned { flush: flush.0 });
        for task in 0..self.tasks.len() {
            if matches!(self.tasks[task].state, State::Flushing(waiting) if waiting == flush) {
                self.tasks[task].state = State::Running;
                self.wake_task(task);
            }
        }
    }

    /// The producer says that it is closed: whatever it owes must have been paid.
    pub(crate) fn closed(&mut self) {
        for task in 0..self.tasks.len() {
            self.poll_deliveries(task);
        }
        self.record(Event::CloseReturned);
        self.is_closed = true;
    }

    fn poll_deliveries(&mut self, task: usize) {
        let this = &mut self.tasks[task];
        let mut context = Context::from_waker(&this.waker);
        let mut told = Vec::new();
        this.pending
            .retain_mut(|(sid, delivery)| match Pin::new(delivery).poll(&mut context) {
                Poll::Ready(outcome) => {
                    told.push((*sid, outcome));
                    false
                }
                Poll::Pending => true,
            });
        for (sid, outcome) in told {
            self.record(Event::Resolved {
                sid,
                outcome: outcome_of(outcome),
            });
        }
    }
}

fn outcome_of(outcome: Result<RecordMetadata, DeliveryError>) -> Outcome {
    match outcome {
        Ok(metadata) => Outcome::Ok {
            tp: Tp {
                topic: metadata.topic.as_ref().into(),
                partition: metadata.partition,
            },
            offset: metadata.offset,
            timestamp: metadata.timestamp,
        },
        Err(error) => Outcome::Failed {
            class: match error.certainty() {
                Certainty::NotWritten => Class::NotWritten,
                Certainty::PossiblyWritten => Class::PossiblyWritten,
            },
            why: match error.kind() {
                DeliveryErrorKind::Timeout => Why::Expired,
                DeliveryErrorKind::Closed => Why::Closed,
                _ => Why::Other,
            },
            code: error.code().map(|code| code.0),
        },
    }
}
