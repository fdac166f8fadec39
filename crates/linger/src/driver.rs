//! The producer's one task. It runs the core's [`Sender`]: it passes all pending events in, carries
//! out all actions, then sleeps. It makes no decisions.
//!
//! The driver polls the connections itself. With a task per connection every request and every
//! response would cross a channel and cost a wake-up. One driver handles far more batches than one
//! CPU core can encode.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use linger_core::address::Address;
use linger_core::append::accumulator::Accumulator;
use linger_core::append::doorbell::Ready;
use linger_core::config::Config;
use linger_core::error::{DeliveryError, DeliveryErrorKind};
use linger_core::ids::{ConnectionId, FlushId};
use linger_core::send::action::Action;
use linger_core::send::sender::Sender;
use linger_protocol::Str;
use linger_protocol::records::Scratch;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::alarm::Alarm;
use crate::clock;
use crate::cluster_watch::ClusterWatch;
use crate::command::Command;
use crate::connection::{Connection, Event};
use crate::dial::{DialError, Dialed, dial};
use crate::driver_waker::DriverWaker;
use crate::encoder::{Done, Encoder, Job};
use crate::traffic::Counters;

/// After this many rounds of events and actions the driver lets other tasks of its thread run.
const ROUNDS_MAX: usize = 32;

/// Sends that wait for memory are woken this long after some became free, so that more becomes free
/// and they wake together.
const RELIEF_DELAY: Duration = Duration::from_millis(1);

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) config: Arc<Config>,
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) sender: Sender,
    pub(crate) waker: Arc<DriverWaker>,
    pub(crate) cluster_watch: Arc<ClusterWatch>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    pub(crate) to_self: mpsc::UnboundedSender<Command>,
}

/// The future of the producer's task. It ends when the core reports that the producer is closed.
pub(crate) struct Driver {
    config: Arc<Config>,
    accumulator: Arc<Accumulator>,
    sender: Sender,
    waker: Arc<DriverWaker>,
    cluster_watch: Arc<ClusterWatch>,
    counters: Arc<Counters>,
    client_id: Str,
    commands: mpsc::UnboundedReceiver<Command>,
    to_self: mpsc::UnboundedSender<Command>,
    connections: Vec<Connection>,
    dials: BTreeMap<ConnectionId, AbortHandle>,
    encoder: Encoder,
    scratch: Scratch,
    flushes: BTreeMap<FlushId, oneshot::Sender<()>>,
    alarm: Alarm,
    ready: Vec<Ready>,
    events: Vec<Event>,
    closed: bool,
    /// The driver has yielded once to the tasks that a response has woken.
    has_yielded: bool,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            config,
            accumulator,
            sender,
            waker,
            cluster_watch,
            counters,
            commands,
            to_self,
        } = parts;
        let results = to_self.clone();
        let client_id = Str::from(config.client_id.as_str());
        Self {
            config,
            accumulator,
            sender,
            waker,
            cluster_watch,
            counters,
            client_id,
            commands,
            encoder: Encoder::new(move |done| {
                // If the driver has ended, the batch is dropped here, and resolves with the certainty that it
                // carries.
                let _ = results.send(Command::Done(done));
            }),
            to_self,
            connections: Vec::new(),
            dials: BTreeMap::new(),
            scratch: Scratch::default(),
            flushes: BTreeMap::new(),
            alarm: Alarm::new(),
            ready: Vec::new(),
            events: Vec::new(),
            closed: false,
            has_yielded: false,
        }
    }

    /// Lets the core dial a bootstrap server.
    pub(crate) fn start(&mut self) {
        self.sender.handle_start(clock::now());
    }

    /// Passes all pending events to the core. True when a response was among them.
    fn take_events(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        self.accumulator.doorbell().drain(&mut self.ready);
        for ready in self.ready.drain(..) {
            self.sender.handle_ready(ready, now);
        }
        while let Poll::Ready(Some(command)) = self.commands.poll_recv(cx) {
            self.handle_command(command, now);
        }
        let answered = self.read_connections(cx, now);
        if self.sender.poll_timeout().is_some_and(|at| at <= now) {
            self.sender.handle_timeout(now);
        }
        answered
    }

    fn handle_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::TopicWanted(topic) => self.sender.handle_topic_wanted(&topic, now),
            Command::Flush(id, done) => {
                self.flushes.insert(id, done);
                self.sender.handle_flush(id, now);
            }
            Command::Close { deadline } => self.sender.handle_close(deadline, now),
            Command::Dialed(id, dialed) => self.handle_dialed(id, dialed, now),
            Command::Done(Done::Encoded(batch)) => self.sender.handle_encoded(batch, now),
            Command::Done(Done::Split(split)) => self.sender.handle_split(split, now),
        }
    }

    fn handle_dialed(&mut self, id: ConnectionId, dialed: Result<Dialed, DialError>, now: Instant) {
        if self.dials.remove(&id).is_none() {
            return; // The core has given up the dial meanwhile.
        }
        match dialed {
            Ok(Dialed { transport, versions }) => {
                let counters = Arc::clone(&self.counters);
                self.connections.push(Connection::new(id, transport, counters));
                self.sender.handle_connected(id, &versions, now);
            }
            Err(error) => {
                tracing::warn!(%error, "no connection to a broker");
                self.sender.handle_disconnected(id, None, now);
            }
        }
    }

    fn read_connections(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut answered = false;
        let mut index = 0;
        while index < self.connections.len() {
            let connection = &mut self.connections[index];
            connection.poll_read(cx, &mut self.events);
            let (id, written) = (connection.id, connection.written_up_to());
            let mut lost = false;
            for event in self.events.drain(..) {
                match event {
                    Event::Response(request, response) => {
                        answered = true;
                        self.sender.handle_response(id, request, &response, now);
                        self.connections[index].take_back(response);
                    }
                    Event::Lost(reason) => {
                        tracing::info!(connection = id.0, %reason, "connection lost");
                        lost = true;
                    }
                }
            }
            if lost {
                self.connections.swap_remove(index);
                self.sender.handle_disconnected(id, written, now);
            } else {
                index += 1;
            }
        }
        answered
    }

    /// Carries out the core's actions until there are no more.
    fn carry_out_actions(&mut self, now: Instant) {
        while let Some(action) = self.sender.poll_action(now) {
            match action {
                Action::Encode(job) => self.submit(Job::Encode(job), now),
                Action::Split(job) => self.submit(Job::Split(job), now),
                Action::Connect {
                    connection, address, ..
                } => self.connect(connection, address),
                Action::Request {
                    connection: to,
                    id,
                    version,
                    request,
                    no_response,
                } => {
                    let mut connections = self.connections.iter_mut();
                    if let Some(connection) = connections.find(|connection| connection.id == to) {
                        connection.enqueue(id, version, &request, &self.client_id, !no_response);
                    }
                    self.sender.take_back(request);
                }
                Action::Disconnect { connection } => self.disconnect(connection, now),
                Action::Publish(view) => self.cluster_watch.publish(view),
                Action::Flushed(id) => {
                    if let Some(done) = self.flushes.remove(&id) {
                        let _ = done.send(()); // An error means that the flush's future was dropped.
                    }
                }
                Action::Closed => self.closed = true,
            }
        }
    }

    fn submit(&mut self, job: Job, now: Instant) {
        match self.encoder.submit(job, &mut self.scratch) {
            Some(Done::Encoded(batch)) => self.sender.handle_encoded(batch, now),
            Some(Done::Split(split)) => self.sender.handle_split(split, now),
            None => {}
        }
    }

    fn connect(&mut self, id: ConnectionId, address: Address) {
        let to_self = self.to_self.clone();
        let config = Arc::clone(&self.config);
        let task = tokio::spawn(async move {
            let dialed = dial(
                &address,
                &config.client_id,
                config.socket_connection_setup_timeout,
            )
            .await;
            // If the driver has ended, the connection is closed with the message.
            let _ = to_self.send(Command::Dialed(id, dialed));
        });
        self.dials.insert(id, task.abort_handle());
    }

    fn disconnect(&mut self, id: ConnectionId, now: Instant) {
        let written = match self.connections.iter().position(|connection| connection.id == id) {
            Some(index) => self.connections.swap_remove(index).written_up_to(),
            None => {
                if let Some(dial) = self.dials.remove(&id) {
                    dial.abort();
                }
                None
            }
        };
        self.sender.handle_disconnected(id, written, now);
    }

    /// Writes as much as the connections accept. True when a request was handed over whole, or a
    /// connection was lost.
    fn write_connections(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut progress = false;
        let mut index = 0;
        while index < self.connections.len() {
            let connection = &mut self.connections[index];
            let (id, result) = (connection.id, connection.poll_write(cx));
            let written = connection.written_up_to();
            match result {
                Ok(false) => index += 1,
                Ok(true) => {
                    progress = true;
                    if let Some(up_to) = written {
                        self.sender.handle_written(id, up_to, now);
                    }
                    index += 1;
                }
                Err(reason) => {
                    progress = true;
                    tracing::info!(connection = id.0, %reason, "connection lost");
                    self.connections.swap_remove(index);
                    self.sender.handle_disconnected(id, written, now);
                }
            }
        }
        progress
    }

    /// Arms the alarm for the core's next deadline. False when the deadline has passed.
    fn arm_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let relief = self
            .accumulator
            .memory()
            .relief_wanted()
            .then(|| clock::now() + RELIEF_DELAY);
        let Some(at) = self.sender.poll_timeout().into_iter().chain(relief).min() else {
            return true;
        };
        self.alarm.arm_by(at);
        if self.alarm.poll(cx).is_pending() {
            return true;
        }
        self.accumulator.memory().relieve();
        false
    }
}

impl Drop for Driver {
    /// Resolves every delivery when the driver ends: by a close, a panic, or the end of its
    /// runtime. Batches that have a sequence number resolve when the core drops them, with the
    /// certainty that they carry. The others resolve here.
    fn drop(&mut self) {
        self.accumulator.close();
        for queue in self.accumulator.queues() {
            let _ = queue.purge(|| DeliveryError::not_written(DeliveryErrorKind::Abandoned));
        }
        self.accumulator.memory().keep_nothing();
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.waker.register(cx.waker());
        this.accumulator.doorbell().running();
        for _ in 0..ROUNDS_MAX {
            let now = clock::now();
            let answered = this.take_events(cx, now);
            if answered && !this.has_yielded {
                // The tasks that the response woke run first, so that what they send is part of the next
                // request.
                this.has_yielded = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.has_yielded = false;
            this.carry_out_actions(now);
            if this.closed {
                return Poll::Ready(());
            }
            if this.write_connections(cx, now) {
                continue;
            }
            if this.arm_timer(cx) && this.accumulator.doorbell().try_sleep(this.sender.sleep_kind(now)) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
