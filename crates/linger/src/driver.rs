//! The one task that runs the core's [`Sender`]: takes every event that waits, carries out every action, then sleeps.
//!
//! It decides nothing. Sockets are polled here rather than in tasks of their own: a request or an answer that crossed a
//! channel would cost a wake-up, and one driver keeps up with far more batches than one core can encode.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
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
use crate::connection::{Connection, Event};
use crate::dial::{DialError, Dialed, dial};
use crate::encoder::{Done, Encoder, Job};
use crate::traffic::Counters;

/// How many rounds of events and actions run before the driver lets other tasks of its thread run.
const ROUNDS_MAX: usize = 32;

/// How long senders that wait for memory are left waiting for more of it to come free, so that they wake together.
const RELIEF_DELAY: Duration = Duration::from_millis(1);

/// What reaches the driver from outside its own sockets and timers.
pub(crate) enum Command {
    TopicWanted(Arc<str>),
    Flush(FlushId, oneshot::Sender<()>),
    Close { deadline: Instant },
    Dialed(ConnectionId, Result<Dialed, DialError>),
    Done(Done),
}

/// Wakes the driver's task.
#[derive(Default)]
pub(crate) struct DriverWaker(Mutex<Option<Waker>>);

impl DriverWaker {
    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake_by_ref();
        }
    }

    fn register(&self, waker: &Waker) {
        let mut registered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !registered
            .as_ref()
            .is_some_and(|registered| registered.will_wake(waker))
        {
            *registered = Some(waker.clone());
        }
    }
}

/// Everything the driver is made of.
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

/// The driver's future; ends when the core says that all is closed.
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
    /// Set while the driver stands aside once for the tasks that an answer has woken.
    standing_aside: bool,
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
                // The driver has ended: the batch drops and resolves with the certainty that it carries.
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
            standing_aside: false,
        }
    }

    /// Has the core dial its first broker.
    pub(crate) fn start(&mut self) {
        self.sender.handle_start(clock::now());
    }

    /// Takes every event that waits. True when an answer was among them.
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
            Command::Dialed(c, dialed) => self.handle_dialed(c, dialed, now),
            Command::Done(Done::Encoded(batch)) => self.sender.handle_encoded(batch, now),
            Command::Done(Done::Split(split)) => self.sender.handle_split(split, now),
        }
    }

    fn handle_dialed(&mut self, c: ConnectionId, dialed: Result<Dialed, DialError>, now: Instant) {
        if self.dials.remove(&c).is_none() {
            return; // The core has disconnected it meanwhile.
        }
        match dialed {
            Ok(Dialed { transport, versions }) => {
                let counters = Arc::clone(&self.counters);
                self.connections.push(Connection::new(c, transport, counters));
                self.sender.handle_connected(c, &versions, now);
            }
            Err(error) => {
                tracing::warn!(%error, "no connection to a broker");
                self.sender.handle_disconnected(c, None, now);
            }
        }
    }

    fn read_connections(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut answered = false;
        let mut index = 0;
        while index < self.connections.len() {
            let connection = &mut self.connections[index];
            connection.poll_read(cx, &mut self.events);
            let (c, written) = (connection.id, connection.written_up_to());
            let mut lost = false;
            for event in self.events.drain(..) {
                match event {
                    Event::Response(id, response) => {
                        answered = true;
                        self.sender.handle_response(c, id, &response, now);
                        self.connections[index].take_back(response);
                    }
                    Event::Lost(reason) => {
                        tracing::info!(connection = c.0, %reason, "connection lost");
                        lost = true;
                    }
                }
            }
            if lost {
                self.connections.swap_remove(index);
                self.sender.handle_disconnected(c, written, now);
            } else {
                index += 1;
            }
        }
        answered
    }

    /// Carries out what the core wants, until it wants nothing more.
    fn carry_out_actions(&mut self, now: Instant) {
        while let Some(action) = self.sender.poll_action(now) {
            match action {
                Action::Encode(job) => self.submit(Job::Encode(job), now),
                Action::Split(job) => self.submit(Job::Split(job), now),
                Action::Connect {
                    connection: c,
                    address,
                    ..
                } => self.connect(c, address),
                Action::Request {
                    connection: c,
                    id,
                    version,
                    request,
                    no_response,
                } => {
                    let mut connections = self.connections.iter_mut();
                    if let Some(connection) = connections.find(|connection| connection.id == c) {
                        connection.enqueue(id, version, &request, &self.client_id, !no_response);
                    }
                    self.sender.take_back(request);
                }
                Action::Disconnect { connection: c } => self.disconnect(c, now),
                Action::Publish(view) => self.cluster_watch.publish(view),
                Action::Flushed(id) => {
                    if let Some(done) = self.flushes.remove(&id) {
                        let _ = done.send(()); // Whoever asked may have stopped waiting.
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

    fn connect(&mut self, c: ConnectionId, address: Address) {
        let to_self = self.to_self.clone();
        let config = Arc::clone(&self.config);
        let task = tokio::spawn(async move {
            let dialed = dial(
                &address,
                &config.client_id,
                config.socket_connection_setup_timeout,
            )
            .await;
            // The driver has ended: the connection drops with the message.
            let _ = to_self.send(Command::Dialed(c, dialed));
        });
        self.dials.insert(c, task.abort_handle());
    }

    fn disconnect(&mut self, c: ConnectionId, now: Instant) {
        let written = match self.connections.iter().position(|connection| connection.id == c) {
            Some(index) => self.connections.swap_remove(index).written_up_to(),
            None => {
                if let Some(dial) = self.dials.remove(&c) {
                    dial.abort();
                }
                None
            }
        };
        self.sender.handle_disconnected(c, written, now);
    }

    /// Writes what the sockets take. True when a request has been handed over whole, or a connection was lost.
    fn write_connections(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut progress = false;
        let mut index = 0;
        while index < self.connections.len() {
            let connection = &mut self.connections[index];
            let (c, result) = (connection.id, connection.poll_write(cx));
            let written = connection.written_up_to();
            match result {
                Ok(false) => index += 1,
                Ok(true) => {
                    progress = true;
                    if let Some(up_to) = written {
                        self.sender.handle_written(c, up_to, now);
                    }
                    index += 1;
                }
                Err(reason) => {
                    progress = true;
                    tracing::info!(connection = c.0, %reason, "connection lost");
                    self.connections.swap_remove(index);
                    self.sender.handle_disconnected(c, written, now);
                }
            }
        }
        progress
    }

    /// Arms the alarm for the core's next deadline. False when it is due already.
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
    /// However the driver ends, by a close, a panic or the end of its runtime, every delivery resolves: what is stamped
    /// with the certainty that it carries when the core drops it, what is not stamped here.
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
            if answered && !this.standing_aside {
                // The tasks that the answer woke run first, and what they send rides in the next request.
                this.standing_aside = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.standing_aside = false;
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
