//! One connection to a broker: it writes requests without copying their batches, and reads
//! responses in order.
//!
//! The driver owns the connection and polls it. The core decides what to send and what a response
//! means.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use linger_core::ids::{ConnectionId, RequestId};
use linger_protocol::frame::{FrameDecoder, encode_frame};
use linger_protocol::header::{RequestHeader, ResponseHeader};
use linger_protocol::messages::{ProduceResponse, RequestBody, ResponseBody};
use linger_protocol::{ApiKey, DecodeError, Message, Reader, Scatter, Str};

use crate::traffic::Counters;
use crate::transport::Transport;

/// The largest response that is read, in bytes. A Metadata response for 100,000 partitions has
/// about 10 MB.
const RESPONSE_FRAME_MAX: usize = 64 * 1024 * 1024;

/// The most slices that one vectored write carries. Linux accepts 1,024.
const SLICES_MAX: usize = 256;

/// How many frame buffers, and how many Produce responses, are kept for reuse.
const REUSED_MAX: usize = 8;

/// An event that a connection reports to the driver.
pub(crate) enum Event {
    Response(RequestId, ResponseBody),
    Lost(LostReason),
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LostReason {
    #[error("the broker closed the connection")]
    Closed,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the broker's response is malformed: {0}")]
    Malformed(String),
}

/// A request whose response has not come.
struct Awaited {
    id: RequestId,
    key: ApiKey,
    version: i16,
}

/// A request that the transport has not accepted whole; `frame` yields the bytes that remain.
struct Outgoing {
    id: RequestId,
    frame: Scatter,
    produce: Option<ProduceSize>,
}

/// A request that the transport has accepted whole, and may not have handed over yet.
struct Accepted {
    id: RequestId,
    /// The position of the request's end in the stream.
    end: u64,
    produce: Option<ProduceSize>,
}

/// What a produce request adds to the counters once it is written.
struct ProduceSize {
    bytes: usize,
    batches: usize,
}

/// A connected broker.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    transport: Transport,
    decoder: FrameDecoder,
    outgoing: VecDeque<Outgoing>,
    accepted: VecDeque<Accepted>,
    awaited: VecDeque<Awaited>,
    /// How many bytes the transport has accepted, and how many of them it had handed over when they
    /// were counted last.
    accepted_bytes: u64,
    handed_over_bytes: u64,
    written_up_to: Option<RequestId>,
    reused_frames: Vec<Scatter>,
    reused_responses: Vec<ProduceResponse>,
    counters: Arc<Counters>,
}

/// The correlation id of a request: the low 31 bits of its number on this connection.
fn correlation_id(id: RequestId) -> i32 {
    (id.0 & 0x7fff_ffff) as i32
}

impl Connection {
    /// Takes over a transport on which nothing is under way: all that it accepted was handed over.
    pub(crate) fn new(id: ConnectionId, transport: Transport, counters: Arc<Counters>) -> Self {
        let handed_over_bytes = transport.handed_over();
        Self {
            id,
            transport,
            decoder: FrameDecoder::new(RESPONSE_FRAME_MAX),
            outgoing: VecDeque::new(),
            accepted: VecDeque::new(),
            awaited: VecDeque::new(),
            accepted_bytes: handed_over_bytes,
            handed_over_bytes,
            written_up_to: None,
            reused_frames: Vec::new(),
            reused_responses: Vec::new(),
            counters,
        }
    }

    /// The newest request of which every byte was handed over: the broker may have read it.
    pub(crate) fn written_up_to(&self) -> Option<RequestId> {
        self.written_up_to
    }

    /// Queues a request. The core bounds how many are queued:
    /// `max.in.flight.requests.per.connection`.
    pub(crate) fn enqueue(
        &mut self,
        id: RequestId,
        version: i16,
        request: &RequestBody,
        client_id: &Str,
        answered: bool,
    ) {
        let key = request.key();
        let header = RequestHeader {
            api_key: key as i16,
            api_version: version,
            correlation_id: correlation_id(id),
            client_id: Some(Str::clone(client_id)),
        };
        let mut frame = self.reused_frames.pop().unwrap_or_default();
        encode_frame(&mut frame, |sink| {
            header.encode(sink);
            request.encode(sink, version);
        });
        let produce = match request {
            RequestBody::Produce(request) => Some(ProduceSize {
                bytes: frame.remaining(),
                batches: request
                    .topic_data
                    .iter()
                    .map(|topic| topic.partition_data.len())
                    .sum(),
            }),
            _ => None,
        };
        self.outgoing.push_back(Outgoing { id, frame, produce });
        if answered {
            self.awaited.push_back(Awaited { id, key, version });
        }
    }

    /// Writes as much as the transport accepts. True when the last byte of a request was handed
    /// over.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, LostReason> {
        let written = self.try_poll_write(cx);
        // Before a failure is reported, too: bytes may have been handed over up to it.
        let completed = self.record_handed_over();
        written.map(|()| completed)
    }

    fn try_poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), LostReason> {
        while !self.outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for outgoing in &self.outgoing {
                count += outgoing.frame.chunks_vectored(&mut slices[count..]);
                if count == SLICES_MAX {
                    break;
                }
            }
            match self.transport.poll_write(cx, &slices[..count]) {
                Poll::Ready(Ok(0)) => return Err(LostReason::Io(io::ErrorKind::WriteZero.into())),
                Poll::Ready(count) => self.record_accepted(count?),
                Poll::Pending => break,
            }
        }
        if self.transport.handed_over() < self.accepted_bytes
            && let Poll::Ready(flushed) = self.transport.poll_flush(cx)
        {
            flushed?;
        }
        Ok(())
    }

    /// Removes `count` accepted bytes from the front of what is to be written.
    fn record_accepted(&mut self, mut count: usize) {
        self.accepted_bytes += count as u64;
        while let Some(mut front) = self.outgoing.pop_front() {
            let remaining = front.frame.remaining();
            if count < remaining {
                front.frame.advance(count);
                self.outgoing.push_front(front);
                return;
            }
            count -= remaining;
            let Outgoing {
                id,
                mut frame,
                produce,
            } = front;
            self.accepted.push_back(Accepted {
                id,
                end: self.accepted_bytes - count as u64,
                produce,
            });
            frame.clear();
            if self.reused_frames.len() < REUSED_MAX {
                self.reused_frames.push(frame);
            }
        }
    }

    /// Counts what was handed over since the last time. True when the last byte of a request was
    /// among it.
    fn record_handed_over(&mut self) -> bool {
        let handed_over = self.transport.handed_over();
        if handed_over == self.handed_over_bytes {
            return false;
        }
        self.counters.wrote(handed_over - self.handed_over_bytes);
        self.handed_over_bytes = handed_over;
        let mut completed = false;
        let is_complete = |request: &Accepted| request.end <= handed_over;
        while self.accepted.front().is_some_and(is_complete)
            && let Some(request) = self.accepted.pop_front()
        {
            self.written_up_to = Some(request.id);
            completed = true;
            self.counters.request_written();
            if let Some(ProduceSize { bytes, batches }) = request.produce {
                self.counters.produce_written(bytes, batches);
            }
        }
        completed
    }

    /// Reads what has arrived. `events` gets the responses, and last of all the loss of the
    /// connection.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) {
        if let Err(reason) = self.try_poll_read(cx, events) {
            events.push(Event::Lost(reason));
        }
    }

    fn try_poll_read(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) -> Result<(), LostReason> {
        while let Poll::Ready(read) = self.transport.poll_read(cx, self.decoder.buffer()) {
            match read? {
                0 => return Err(LostReason::Closed),
                bytes => self.counters.read(bytes),
            }
            while let Some(frame) = self
                .decoder
                .next_frame()
                .map_err(|error| LostReason::Malformed(error.to_string()))?
            {
                let (id, response) = self.parse(&frame)?;
                self.counters.response_read();
                events.push(Event::Response(id, response));
            }
        }
        Ok(())
    }

    fn parse(&mut self, frame: &Bytes) -> Result<(RequestId, ResponseBody), LostReason> {
        let Some(awaited) = self.awaited.pop_front() else {
            return Err(LostReason::Malformed("a response to no request".into()));
        };
        let malformed = |error: DecodeError| LostReason::Malformed(error.to_string());
        let mut reader = Reader::new(frame);
        let header = ResponseHeader::decode(&mut reader, awaited.key, awaited.version).map_err(malformed)?;
        if header.correlation_id != correlation_id(awaited.id) {
            return Err(LostReason::Malformed(format!(
                "correlation id {} where {} was awaited",
                header.correlation_id,
                correlation_id(awaited.id)
            )));
        }
        let body = if awaited.key == ApiKey::Produce {
            // Decoding over an earlier response to the same partitions allocates nothing.
            let mut response = self.reused_responses.pop().unwrap_or_default();
            response
                .decode_over(&mut reader, awaited.version)
                .map_err(malformed)?;
            response.into()
        } else {
            ResponseBody::decode(awaited.key, awaited.version, &mut reader).map_err(malformed)?
        };
        Ok((awaited.id, body))
    }

    /// Takes back a response that the core has handled, so that the next one reuses its memory.
    pub(crate) fn take_back(&mut self, response: ResponseBody) {
        if let ResponseBody::Produce(response) = response
            && self.reused_responses.len() < REUSED_MAX
        {
            self.reused_responses.push(response);
        }
    }
}
