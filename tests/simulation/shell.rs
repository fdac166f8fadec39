//! The producer's shell in the world: it carries out what the sender decides, as the Tokio shell
//! does, and tells it what the network did. It decides nothing.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use linger_core::ids::{ConnectionId, RequestId};
use linger_core::send::action::Action;
use linger_protocol::frame::FrameDecoder;
use linger_protocol::header::{RequestHeader, ResponseHeader};
use linger_protocol::messages::{ApiVersionsRequest, ProduceRequest, RequestBody, ResponseBody};
use linger_protocol::{ApiKey, Reader};

use crate::evidence;
use crate::history::{Event, FrameId, Tp, WireBatch};
use crate::network::Link;
use crate::scenario::FIRST_PORT;
use crate::world::{Happening, World};

const FRAME_MAX: usize = 10 << 20;
const API_VERSIONS_VERSION: i16 = 3;
/// The shell's own request; the sender's count from 0.
const API_VERSIONS_CORRELATION: i32 = -1;

/// The producer's end of its connections.
#[derive(Debug, Default)]
pub(crate) struct Shell {
    connections: BTreeMap<ConnectionId, Connection>,
    frames: FrameId,
}

#[derive(Debug)]
struct Connection {
    broker: i32,
    phase: Phase,
    decoder: FrameDecoder,
    expected: VecDeque<Expected>,
    /// The produce requests among its requests, by request id.
    frames: Vec<Option<FrameId>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Dialling,
    Negotiating,
    Up,
}

#[derive(Debug)]
struct Expected {
    correlation: i32,
    id: Option<RequestId>,
    key: ApiKey,
    version: i16,
    frame: Option<FrameId>,
}

impl Shell {
    pub(crate) fn open(&self) -> usize {
        self.connections.len()
    }
}

impl World {
    pub(crate) fn perform(&mut self, action: Action) {
        match action {
            Action::Encode(job) => {
                let delay = self.codec_time();
                let batch = job.run(&mut self.scratch);
                self.agenda.after(delay, Happening::Encoded(Box::new(batch)));
            }
            Action::Split(job) => {
                let delay = self.codec_time();
                let done = job.run(&mut self.scratch);
                self.agenda.after(delay, Happening::Split(Box::new(done)));
            }
            Action::Connect {
                connection: c,
                address,
                ..
            } => self.dial(c, i32::from(address.port) - FIRST_PORT),
            Action::Request {
                connection: c,
                id,
                version,
                request,
                no_response,
            } => {
                self.request(c, id, version, &request, no_response);
            }
            Action::Disconnect { connection: c } => self.lose(c),
            Action::Publish(view) => self.publish(view),
            Action::Flushed(flush) => self.flushed(flush),
            Action::Closed => self.closed(),
        }
    }

    fn dial(&mut self, c: ConnectionId, broker: i32) {
        self.trace(|| format!("dial {c} to broker {broker}"));
        let connection = Connection {
            broker,
            phase: Phase::Dialling,
            decoder: FrameDecoder::new(FRAME_MAX),
            expected: VecDeque::new(),
            frames: Vec::new(),
        };
        assert!(
            self.shell.connections.insert(c, connection).is_none(),
            "a connection id is used once"
        );
        let delay = self.step();
        self.agenda.after(delay, Happening::Dialled(c));
        self.agenda.after(
            self.config.socket_connection_setup_timeout,
            Happening::SetupExpired(c),
        );
    }

    /// The handshake has reached the broker's host, or nobody.
    pub(crate) fn dialled(&mut self, c: ConnectionId) {
        let Some(connection) = self.shell.connections.get_mut(&c) else {
            return;
        };
        let broker = connection.broker;
        if !self.servers.listens(broker) || self.network.refuses() {
            self.trace(|| format!("{c}: broker {broker} refuses"));
            return self.lose(c);
        }
        connection.phase = Phase::Negotiating;
        self.network.open(c.0, broker, self.agenda.now());
        self.serve_new(c.0, broker);
        let request = ApiVersionsRequest {
            client_software_name: "linger".into(),
            client_software_version: "0".into(),
        };
        self.write(c, None, API_VERSIONS_VERSION, &request.into(), false);
    }

    pub(crate) fn setup_expired(&mut self, c: ConnectionId) {
        let negotiating = |connection: &Connection| connection.phase != Phase::Up;
        if self.shell.connections.get(&c).is_some_and(negotiating) {
            self.trace(|| format!("{c}: not set up in time"));
            self.lose(c);
        }
    }

    fn request(
        &mut self,
        c: ConnectionId,
        id: RequestId,
        version: i16,
        request: &RequestBody,
        no_response: bool,
    ) {
        let connection = self.shell.connections.get(&c);
        let up = connection.is_some_and(|connection| connection.phase == Phase::Up);
        assert!(up, "a request for {c}, which is not connected");
        self.write(c, Some(id), version, request, no_response);
    }

    fn write(
        &mut self,
        c: ConnectionId,
        id: Option<RequestId>,
        version: i16,
        request: &RequestBody,
        no_response: bool,
    ) {
        let correlation = id.map_or(API_VERSIONS_CORRELATION, |id| id.0 as i32);
        let bytes = self.encode(version, correlation, request);
        let frame = match request {
            RequestBody::Produce(produce) => Some(self.note_sent(c, produce)),
            _ => None,
        };
        self.trace(|| match frame {
            Some(frame) => format!(
                "{c}: request {correlation} is frame {frame}, {} bytes",
                bytes.len()
            ),
            None => format!(
                "{c}: request {correlation} {:?}, {} bytes",
                request.key(),
                bytes.len()
            ),
        });
        let connection = self.shell.connections.get_mut(&c).expect("checked by the caller");
        if let Some(id) = id {
            assert_eq!(
                id.0 as usize,
                connection.frames.len(),
                "request ids are consecutive"
            );
            connection.frames.push(frame);
        }
        if !no_response {
            connection.expected.push_back(Expected {
                correlation,
                id,
                key: request.key(),
                version,
                frame,
            });
        }
        self.network.submit(c.0, bytes, &mut self.agenda);
    }

    fn encode(&self, version: i16, correlation_id: i32, request: &RequestBody) -> Bytes {
        let mut bytes = vec![0; 4];
        let header = RequestHeader {
            api_key: request.key() as i16,
            api_version: version,
            correlation_id,
            client_id: Some(self.config.client_id.as_str().into()),
        };
        header.encode(&mut bytes);
        request.encode(&mut bytes, version);
        let length = i32::try_from(bytes.len() - 4).expect("requests are small");
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes.into()
    }

    fn note_sent(&mut self, c: ConnectionId, request: &ProduceRequest) -> FrameId {
        let frame = self.shell.frames;
        self.shell.frames += 1;
        let broker = self.shell.connections[&c].broker;
        let event = Event::Sent {
            frame,
            connection: c.0,
            broker,
            batches: wire_batches(request),
        };
        self.record(event);
        frame
    }

    /// The transport has taken these frames of the link; the first of a link is the shell's own.
    pub(crate) fn written(&mut self, link: Link, first: u64, last: u64) {
        let c = ConnectionId(link);
        let Some(connection) = self.shell.connections.get(&c) else {
            return;
        };
        let whole = (first.max(1) - 1..last).filter_map(|id| connection.frames[id as usize]);
        let whole: Vec<_> = whole.collect();
        for frame in whole {
            self.record(Event::Written { frame });
        }
        if last > 0 {
            let now = self.now();
            self.sender.handle_written(c, RequestId(last - 1), now);
            self.wake_driver();
        }
    }

    /// The connection is over, by the sender's wish or the network's.
    pub(crate) fn lose(&mut self, c: ConnectionId) {
        if self.shell.connections.remove(&c).is_none() {
            return;
        }
        let written = self.network.written(c.0).checked_sub(2).map(RequestId);
        self.trace(|| format!("{c}: over, written up to {written:?}"));
        self.network.client_close(c.0, &mut self.agenda);
        self.record(Event::Ended { connection: c.0 });
        let now = self.now();
        self.sender.handle_disconnected(c, written, now);
        self.wake_driver();
    }

    pub(crate) fn answered(&mut self, link: Link, bytes: &[u8]) {
        let c = ConnectionId(link);
        let Some(connection) = self.shell.connections.get_mut(&c) else {
            return;
        };
        connection.decoder.buffer().extend_from_slice(bytes);
        loop {
            let Some(connection) = self.shell.connections.get_mut(&c) else {
                return;
            };
            let answer = match connection.decoder.next_frame() {
                Ok(None) => return,
                Ok(Some(frame)) => connection.decode(&frame),
                Err(error) => Err(error.to_string()),
            };
            match answer {
                Ok((expected, body)) => self.respond(c, &expected, body),
                Err(error) => {
                    self.trace(|| format!("{c}: undecodable answer: {error}"));
                    return self.lose(c);
                }
            }
        }
    }

    fn respond(&mut self, c: ConnectionId, expected: &Expected, body: ResponseBody) {
        let now = self.now();
        if let (Some(frame), ResponseBody::Produce(produce)) = (expected.frame, &body) {
            let codes = produce.responses.iter().flat_map(|topic| {
                let code = |partition: &linger_protocol::messages::PartitionProduceResponse| {
                    (
                        Tp {
                            topic: topic.name.clone(),
                            partition: partition.index,
                        },
                        partition.error_code.0,
                    )
                };
                topic.partition_responses.iter().map(code).collect::<Vec<_>>()
            });
            let event = Event::Answered {
                frame,
                codes: codes.collect(),
            };
            self.record(event);
        } else {
            self.trace(|| format!("{c}: answer to {} {:?}", expected.correlation, expected.key));
        }
        match (expected.id, body) {
            (Some(id), body) => self.sender.handle_response(c, id, &body, now),
            (None, ResponseBody::ApiVersions(versions)) => {
                self.shell.connections.get_mut(&c).expect("it answered").phase = Phase::Up;
                self.sender.handle_connected(c, &versions.api_keys, now);
            }
            (None, _) => unreachable!("the shell asks for nothing else"),
        }
        self.wake_driver();
    }
}

impl Connection {
    fn decode(&mut self, frame: &Bytes) -> Result<(Expected, ResponseBody), String> {
        let expected = self.expected.pop_front().ok_or("an answer to nothing")?;
        let mut reader = Reader::new(frame);
        let header = ResponseHeader::decode(&mut reader, expected.key, expected.version);
        let header = header.map_err(|error| error.to_string())?;
        if header.correlation_id != expected.correlation {
            return Err(format!(
                "an answer to {} instead of {}",
                header.correlation_id, expected.correlation
            ));
        }
        let body = ResponseBody::decode(expected.key, expected.version, &mut reader);
        Ok((expected, body.map_err(|error| error.to_string())?))
    }
}

fn wire_batches(request: &ProduceRequest) -> Vec<WireBatch> {
    let mut batches = Vec::new();
    for topic in &request.topic_data {
        for partition in &topic.partition_data {
            let tp = Tp {
                topic: topic.name.clone(),
                partition: partition.index,
            };
            let bytes = partition
                .records
                .as_ref()
                .map(|records| records.to_bytes())
                .unwrap_or_default();
            batches.push(evidence::wire_batch(tp, &bytes));
        }
    }
    batches
}
