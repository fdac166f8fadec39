//! One connection to a broker: requests out by reference, responses in, in order.
//!
//! Pure bookkeeping over a non-blocking socket; the driver polls it and owns it. What to send and what an answer
//! means is the core's business.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use linger_core::ids::{ConnectionId, RequestId};
use linger_protocol::frame::{FrameDecoder, encode_frame};
use linger_protocol::header::{RequestHeader, ResponseHeader};
use linger_protocol::messages::{ProduceResponse, RequestBody, ResponseBody};
use linger_protocol::{ApiKey, DecodeError, Message, Reader, Scatter, Str};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

use crate::traffic::Counters;

/// The largest response that is read, in bytes. A Metadata answer for 100,000 partitions has about 10 MB.
const RESPONSE_FRAME_MAX: usize = 64 * 1024 * 1024;

/// The most slices one vectored write carries: Linux takes 1,024.
const SLICES_MAX: usize = 256;

/// How many buffers of frames, and how many answers, are kept for reuse.
const SPARE_MAX: usize = 8;

/// What a connection tells the driver.
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
    #[error("the broker's answer is malformed: {0}")]
    Malformed(String),
}

struct Awaited {
    id: RequestId,
    key: ApiKey,
    version: i16,
}

/// A frame that is not wholly written yet: the scatter gives what remains.
struct Outgoing {
    id: RequestId,
    frame: Scatter,
    produce: Option<ProduceSize>,
}

/// What a produce request is counted as once it is written.
struct ProduceSize {
    bytes: usize,
    batches: usize,
}

/// A connected broker.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    stream: TcpStream,
    decoder: FrameDecoder,
    outgoing: VecDeque<Outgoing>,
    awaited: VecDeque<Awaited>,
    written_up_to: Option<RequestId>,
    spare_frames: Vec<Scatter>,
    spare_answers: Vec<ProduceResponse>,
    counters: Arc<Counters>,
}

/// The correlation id of a request: the low 31 bits of its number on this connection.
fn correlation_id(id: RequestId) -> i32 {
    (id.0 & 0x7fff_ffff) as i32
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, stream: TcpStream, counters: Arc<Counters>) -> Self {
        Self {
            id,
            stream,
            decoder: FrameDecoder::new(RESPONSE_FRAME_MAX),
            outgoing: VecDeque::new(),
            awaited: VecDeque::new(),
            written_up_to: None,
            spare_frames: Vec::new(),
            spare_answers: Vec::new(),
            counters,
        }
    }

    /// The newest request of which every byte has been handed to the socket.
    pub(crate) fn written_up_to(&self) -> Option<RequestId> {
        self.written_up_to
    }

    /// Queues a request. The core bounds how many are queued: `max.in.flight.requests.per.connection`.
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
        let mut frame = self.spare_frames.pop().unwrap_or_default();
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

    /// Writes what the socket takes. True when a request has been handed over whole.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, LostReason> {
        let mut completed = false;
        while !self.outgoing.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for outgoing in &self.outgoing {
                count += outgoing.frame.chunks_vectored(&mut slices[count..]);
                if count == SLICES_MAX {
                    break;
                }
            }
            match Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count]) {
                Poll::Ready(Ok(0)) => return Err(LostReason::Io(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => completed |= self.advance(written?),
                Poll::Pending => break,
            }
        }
        Ok(completed)
    }

    fn advance(&mut self, mut written: usize) -> bool {
        self.counters.wrote(written);
        let mut completed = false;
        while let Some(front) = self.outgoing.front_mut() {
            let left = front.frame.remaining();
            if written < left {
                front.frame.advance(written);
                break;
            }
            written -= left;
            self.written_up_to = Some(front.id);
            completed = true;
            let Some(Outgoing {
                mut frame, produce, ..
            }) = self.outgoing.pop_front()
            else {
                break;
            };
            self.counters.request_written();
            if let Some(ProduceSize { bytes, batches }) = produce {
                self.counters.produce_written(bytes, batches);
            }
            frame.clear();
            if self.spare_frames.len() < SPARE_MAX {
                self.spare_frames.push(frame);
            }
        }
        completed
    }

    /// Reads what the socket has; `events` gets the responses, and last of all the loss of the connection.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) {
        if let Err(reason) = self.try_poll_read(cx, events) {
            events.push(Event::Lost(reason));
        }
    }

    fn try_poll_read(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) -> Result<(), LostReason> {
        while let Poll::Ready(read) = poll_read_buf(Pin::new(&mut self.stream), cx, self.decoder.buffer()) {
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
            return Err(LostReason::Malformed("an answer to no request".into()));
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
            // Answers to the same partitions over and over cost no allocation this way.
            let mut answer = self.spare_answers.pop().unwrap_or_default();
            answer
                .decode_over(&mut reader, awaited.version)
                .map_err(malformed)?;
            answer.into()
        } else {
            ResponseBody::decode(awaited.key, awaited.version, &mut reader).map_err(malformed)?
        };
        Ok((awaited.id, body))
    }

    /// Takes back an answer that has been dealt with: its memory serves the next one.
    pub(crate) fn take_back(&mut self, response: ResponseBody) {
        if let ResponseBody::Produce(answer) = response
            && self.spare_answers.len() < SPARE_MAX
        {
            self.spare_answers.push(answer);
        }
    }
}
