//! One connection's task: one request at a time, as in Kafka's network threads.
//!
//! ```text
//!        frame                Reply*              Resume
//! Reading ----> model has it ------> writing it --------> Reading       Close, EOF, an error -> the end
//! ```
//!
//! While the model has a request, no further request is handed over, so a slow answer delays the
//! requests behind it. A client may close its side and still gets every answer, and the requests
//! that it sent before are still carried out. Memory is bounded by one request plus [`READ_AHEAD`].

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use linger_protocol::ApiKey;
use linger_protocol::frame::{FrameDecoder, FrameError, LENGTH_SIZE, REQUEST_SIZE_MAX};
use linger_sim_model::{Action, Close, ConnectionId, Reply, examine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tracing::debug;

use super::blackhole::Swallowed;
use super::connection::Connection;
use super::model_handle::Mailbox;
use super::shared::{Phase, Shared};

/// How long a connection may send nothing: Kafka's `connections.max.idle.ms`.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// How many bytes of the next requests are read while the model works on one.
const READ_AHEAD: usize = 64 * 1024;

/// After our side was closed, read on for this time at most. A socket that is closed with unread
/// bytes is reset, and the reset would overtake the answers to earlier requests.
const DRAIN_TIME: Duration = Duration::from_millis(200);

/// After our side was closed, read so many bytes at most.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// The end of a warning about another protocol.
const PROTOCOL_ADVICE: &str =
    "Linger speaks Kafka's protocol in plain text: a client needs security.protocol=PLAINTEXT";

/// How many bytes of another protocol a warning shows.
const BYTES_SHOWN: usize = 8;

/// Why a connection is over.
#[derive(Debug)]
enum End {
    /// The client has closed it.
    Eof,
    /// The client has closed it within a request.
    Cut,
    /// The client sent nothing for [`IDLE_MAX`].
    Idle,
    /// The connection cannot be read or written any more.
    Lost(io::Error),
    /// The client sent a length that no request has. `bytes` are the first bytes in hexadecimal.
    NotKafka { error: FrameError, bytes: String },
    /// The model ordered it.
    Ordered(Close),
}

/// Serves a connection until it or the broker ends.
pub(crate) async fn serve(connection: Connection, phase: watch::Receiver<Phase>) {
    let broker = Arc::clone(&connection.broker);
    if let Err(error) = connection.stream.set_nodelay(true) {
        debug!(broker = broker.id, peer = %connection.peer, %error, "a connection was gone before it was served");
        return;
    }
    let (id, mailbox) = broker.model.open(broker.id);
    let mut stopped = phase.clone();
    let session = Session {
        opened: Opened { id, broker },
        connection,
        mailbox,
        waiting: VecDeque::new(),
        phase,
        decoder: FrameDecoder::new(REQUEST_SIZE_MAX),
        eof: false,
    };
    tokio::select! {
        biased;
        // The session is dropped, and the socket with it, as when the process is killed.
        _ = stopped.wait_for(|phase| matches!(phase, Phase::Stopped | Phase::Ended)) => {}
        () = session.run() => {}
    }
}

/// Tells the model that the connection is gone, however its task ends.
struct Opened {
    id: ConnectionId,
    broker: Arc<Shared>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.broker.model.closed(self.id);
    }
}

struct Session {
    /// The first field is dropped first: the model learns of the end before the connection is no
    /// longer counted.
    opened: Opened,
    connection: Connection,
    mailbox: Mailbox,
    /// The model's actions that came while an answer was written.
    waiting: VecDeque<Action>,
    phase: watch::Receiver<Phase>,
    decoder: FrameDecoder,
    /// The client has closed its side: nothing will come after the buffered bytes.
    eof: bool,
}

impl Session {
    async fn run(mut self) {
        let end = loop {
            let frame = match self.next_frame().await {
                Ok(frame) => frame,
                Err(end) => break end,
            };
            if let Err(end) = self.work_on(frame).await {
                break end;
            }
        };
        self.finish(end).await;
    }

    /// Waits for a whole request.
    async fn next_frame(&mut self) -> Result<Bytes, End> {
        loop {
            self.while_frozen().await;
            match self.decoder.next_frame() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) if self.eof && self.decoder.is_within_frame() => return Err(End::Cut),
                Ok(None) if self.eof => return Err(End::Eof),
                Ok(None) => {}
                Err(error) => {
                    let bytes = hex(self.decoder.buffer());
                    return Err(End::NotKafka { error, bytes });
                }
            }
            tokio::select! {
                biased;
                _ = self.phase.changed() => {}
                action = self.mailbox.recv() => match action {
                    Some(Action::Close { how, .. }) => return Err(End::Ordered(how)),
                    // The model sends neither of these between two requests.
                    Some(Action::Reply { .. } | Action::Resume { .. }) => {}
                    None => return Err(End::Ordered(Close::Fin)),
                },
                read = self.connection.stream.read_buf(self.decoder.buffer()) => self.note_read(read)?,
                () = tokio::time::sleep(IDLE_MAX) => return Err(End::Idle),
            }
        }
    }

    fn note_read(&mut self, read: io::Result<usize>) -> Result<(), End> {
        match read {
            Ok(0) => self.eof = true,
            Ok(count) => self.connection.broker.counters.received(count),
            Err(error) => return Err(End::Lost(error)),
        }
        Ok(())
    }

    /// Hands a request to the model and carries out the actions, until the next request may be
    /// read.
    async fn work_on(&mut self, frame: Bytes) -> Result<(), End> {
        let broker = Arc::clone(&self.connection.broker);
        let key = frame.first_chunk().map_or(-1, |key| i16::from_be_bytes(*key));
        broker.counters.requested(key);
        if let Some(blackhole) = broker
            .model
            .blackhole
            .as_ref()
            .filter(|_| key == ApiKey::Produce as i16)
        {
            let swallowed = blackhole.swallow(&frame);
            return self.answer_from_the_blackhole(frame.len(), swallowed).await;
        }
        let size = frame.len() + LENGTH_SIZE;
        let examined = examine(frame, &broker.model.examine);
        if let Some(produced) = examined.produced() {
            broker.counters.produced(size, produced);
        }
        if let Some(why) = examined.refusal() {
            self.connection.warn_of_other_protocol(why);
        }
        broker.model.request(self.opened.id, examined);
        loop {
            match self.next_action().await? {
                Action::Reply { frame, cut, .. } => self.send(frame, cut).await?,
                Action::Resume { .. } => return Ok(()),
                Action::Close { how, .. } => return Err(End::Ordered(how)),
            }
        }
    }

    async fn answer_from_the_blackhole(
        &mut self,
        frame_size: usize,
        swallowed: Option<Swallowed>,
    ) -> Result<(), End> {
        let Some(swallowed) = swallowed else {
            return Err(End::Ordered(Close::Fin));
        };
        self.connection
            .broker
            .counters
            .produced(frame_size + LENGTH_SIZE, swallowed.produced);
        if !swallowed.delay.is_zero() {
            tokio::time::sleep(swallowed.delay).await;
        }
        match swallowed.answer {
            Some(answer) => self.write(answer).await,
            None => Ok(()),
        }
    }

    /// Waits for the model. Meanwhile reads ahead a little, and so learns when the client is gone.
    async fn next_action(&mut self) -> Result<Action, End> {
        loop {
            if let Some(action) = self.waiting.pop_front() {
                return Ok(action);
            }
            if let Ok(action) = self.mailbox.try_recv() {
                return Ok(action);
            }
            let may_read = !self.eof
                && self.decoder.buffer().len() < READ_AHEAD
                && *self.phase.borrow() == Phase::Running;
            tokio::select! {
                biased;
                action = self.mailbox.recv() => return action.ok_or(End::Ordered(Close::Fin)),
                read = self.connection.stream.read_buf(self.decoder.buffer()), if may_read => self.note_read(read)?,
                _ = self.phase.changed() => {}
            }
        }
    }

    async fn send(&mut self, reply: Reply, cut: Option<usize>) -> Result<(), End> {
        let scatter = reply.into_scatter();
        match cut {
            None => self.write(scatter).await,
            Some(count) => {
                let start = scatter.take(count);
                self.write(start).await?;
                Err(End::Ordered(Close::Fin))
            }
        }
    }

    async fn write(&mut self, mut bytes: impl Buf) -> Result<(), End> {
        let size = bytes.remaining();
        while bytes.has_remaining() {
            self.while_frozen().await;
            tokio::select! {
                biased;
                _ = self.phase.changed() => {}
                written = self.connection.stream.write_buf(&mut bytes) => match written {
                    Ok(0) => return Err(End::Lost(io::ErrorKind::WriteZero.into())),
                    Ok(_) => {}
                    Err(error) => return Err(End::Lost(error)),
                },
                // A client that does not read its answers must not keep the connection open after
                // the order to close.
                action = self.mailbox.recv() => match action {
                    Some(Action::Close { how, .. }) => return Err(End::Ordered(how)),
                    Some(action) => self.waiting.push_back(action),
                    None => return Err(End::Ordered(Close::Fin)),
                },
            }
        }
        self.connection.broker.counters.sent(size);
        Ok(())
    }

    /// Returns once the broker is not frozen.
    async fn while_frozen(&mut self) {
        if *self.phase.borrow() == Phase::Frozen {
            // An error means that the broker is gone: then `serve` ends this task.
            let _ = self.phase.wait_for(|phase| *phase != Phase::Frozen).await;
        }
    }

    async fn finish(mut self, end: End) {
        let (broker, peer) = (Arc::clone(&self.connection.broker), self.connection.peer);
        let id = broker.id;
        match &end {
            End::Eof => debug!(broker = id, %peer, "a client has closed its connection"),
            End::Cut => debug!(broker = id, %peer, "a client has closed its connection within a request"),
            End::Idle => debug!(broker = id, %peer, "closed a connection that was idle for {IDLE_MAX:?}"),
            End::Lost(error) => debug!(broker = id, %peer, %error, "a connection was lost"),
            End::Ordered(how) => debug!(broker = id, %peer, ?how, "closed a connection"),
            End::NotKafka { error, bytes } => {
                self.connection
                    .warn_of_other_protocol(&format!("{error} ({bytes}). {PROTOCOL_ADVICE}"));
            }
        }
        match end {
            End::Ordered(Close::Reset) => {
                // If the reset cannot be set, the connection is closed all the same.
                let _ = self.connection.stream.set_zero_linger();
            }
            End::NotKafka { .. } | End::Ordered(Close::Fin) => self.drain().await,
            End::Eof | End::Cut | End::Idle | End::Lost(_) => {}
        }
    }

    /// Closes our side, and reads on for a moment, so that the client receives what was sent
    /// before.
    async fn drain(&mut self) {
        if self.connection.stream.shutdown().await.is_err() {
            return;
        }
        let mut scrap = vec![0; 16 * 1024];
        let read_on = async {
            let mut total = 0;
            while total < DRAIN_BYTES_MAX {
                match self.connection.stream.read(&mut scrap).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => total += count,
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_TIME, read_on).await;
    }
}

fn hex(bytes: &[u8]) -> String {
    let shown: Vec<_> = bytes
        .iter()
        .take(BYTES_SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    shown.join(" ")
}
