//! What a case does: connections, frames, and a log of what came back.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use linger_protocol::frame::encode_frame;
use linger_protocol::header::RequestHeader;
use linger_protocol::messages::{MetadataResponse, RequestBody, ResponseBody};
use linger_protocol::{ErrorCode, Str};
use linger_testkit::blocking::{Client, NoFrame};

use super::answer::{self, Names};
use super::request;

/// Longer than any answer takes; a case that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two polls of a state, such as the leader of a new topic.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

pub(crate) const CLIENT_ID: &str = "wire";

/// A case's connections, topics and log.
pub(crate) struct Script {
    address: SocketAddr,
    names: Names,
    slug: String,
    log: Log,
    connections: usize,
}

type Log = Rc<RefCell<Vec<String>>>;

/// A case's name as a topic's name.
pub(crate) fn slug(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    slug.truncate(200);
    slug
}

/// Waits until the broker gives out producer ids; returns its id.
pub(crate) fn make_ready(address: SocketAddr) -> i32 {
    let mut connection = Connection::open(address, Names::default(), Log::default(), 0);
    loop {
        let answer = connection.ask(0, request::init_producer_id());
        if matches!(answer, Some(ResponseBody::InitProducerId(answer)) if answer.error_code == ErrorCode::NONE)
        {
            break;
        }
        thread::sleep(LOOK_AGAIN);
    }
    match connection.ask(1, request::metadata(&[])) {
        Some(ResponseBody::Metadata(answer)) if answer.brokers.len() == 1 => answer.brokers[0].node_id,
        other => panic!("there must be one broker: {other:?}"),
    }
}

impl Script {
    pub(crate) fn new(case: &str, address: SocketAddr, broker_id: i32) -> Self {
        Self {
            address,
            names: Names::new(address, broker_id),
            slug: slug(case),
            log: Log::default(),
            connections: 0,
        }
    }

    pub(crate) fn finish(self) -> Vec<String> {
        self.log.take()
    }

    pub(crate) fn broker_id(&self) -> i32 {
        self.names.broker_id()
    }

    /// Adds a line about a fact that the case computed.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.log.borrow_mut().push(text.into());
    }

    pub(crate) fn connect(&mut self) -> Connection {
        self.connections += 1;
        Connection::open(
            self.address,
            self.names.clone(),
            self.log.clone(),
            self.connections,
        )
    }

    /// A topic's name that no other case uses.
    pub(crate) fn name(&self) -> Str {
        self.name_like(|slug| slug.to_owned())
    }

    /// Likewise, with something done to it; what it gives is shown as `T`, `T2` and so on.
    pub(crate) fn name_like(&self, make: impl FnOnce(&str) -> String) -> Str {
        let count = self.names.count();
        let slug = if count == 0 {
            self.slug.clone()
        } else {
            format!("{}-{}", self.slug, count + 1)
        };
        let name = Str::from(make(&slug));
        self.names.add(&name);
        name
    }

    /// A topic of one partition.
    pub(crate) fn topic(&self) -> Str {
        self.topic_with(1, &[])
    }

    pub(crate) fn topic_with(&self, partitions: i32, configs: &[(&str, &str)]) -> Str {
        let name = self.name();
        self.create(&name, partitions, configs);
        name
    }

    /// Creates a topic of one partition with no settings of its own, and waits until it can be
    /// described.
    pub(crate) fn create_plain(&self, name: &Str) {
        self.quietly()
            .ask(5, request::create(&[request::topic(name, 1, 1, &[])], false));
        self.await_topic(name, 1);
    }

    /// Creates the topic and waits until it can be written and read.
    pub(crate) fn create(&self, name: &Str, partitions: i32, configs: &[(&str, &str)]) {
        let mut connection = self.quietly();
        // Records of these cases are old, and years apart. They must all stay, in one segment,
        // because a fetch reads only one segment.
        let forever = i64::MAX.to_string();
        let configs = [&[("retention.ms", "-1"), ("segment.ms", &forever)], configs].concat();
        let created = connection.ask(
            5,
            request::create(&[request::topic(name, partitions, 1, &configs)], false),
        );
        match created {
            Some(ResponseBody::CreateTopics(answer)) if answer.topics[0].error_code == ErrorCode::NONE => {}
            other => self.note(format!("topic not created: {other:?}")),
        }
        self.await_topic(name, partitions);
    }

    /// Waits until the topic is there and its partitions answer.
    pub(crate) fn await_topic(&self, name: &Str, partitions: i32) {
        let mut connection = self.quietly();
        let give_up = Instant::now() + PATIENCE;
        while !(connection.sees(name) && (0..partitions).all(|index| connection.reaches(name, index))) {
            if Instant::now() > give_up {
                return self.note("the topic never came to be");
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// The topic's id.
    pub(crate) fn id_of(&self, name: &Str) -> [u8; 16] {
        self.quietly().describe(name).topics[0].topic_id
    }

    /// A connection whose events are not logged.
    pub(crate) fn quietly(&self) -> Connection {
        Connection::open(self.address, self.names.clone(), Log::default(), 0)
    }
}

/// One TCP connection, and which answers are due on it.
pub(crate) struct Connection {
    client: Client,
    names: Names,
    log: Log,
    number: usize,
    sent: Vec<Sent>,
    correlation_id: i32,
}

#[derive(Clone, Copy)]
struct Sent {
    correlation_id: i32,
    key: i16,
    version: i16,
}

impl Connection {
    fn open(address: SocketAddr, names: Names, log: Log, number: usize) -> Self {
        Self {
            client: Client::connect(address, PATIENCE),
            names,
            log,
            number,
            sent: Vec::new(),
            correlation_id: 0,
        }
    }

    fn note(&self, text: &str) {
        self.log.borrow_mut().push(format!("{} {text}", self.number));
    }

    /// Sends bytes as they are. The broker may have closed already, which reading will show.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.client.send(bytes);
    }

    /// The frame of a valid request. The caller makes it invalid and sends it with
    /// [`send_bytes`](Self::send_bytes).
    pub(crate) fn frame(&mut self, version: i16, request: impl Into<RequestBody>) -> Vec<u8> {
        let request = request.into();
        self.frame_of(request.key() as i16, version, |frame| {
            request.encode(frame, version)
        })
    }

    /// A frame with a good header and what `body` writes.
    pub(crate) fn frame_of(&mut self, key: i16, version: i16, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let header = RequestHeader {
            api_key: key,
            api_version: version,
            correlation_id: self.correlation_id,
            client_id: Some(CLIENT_ID.into()),
        };
        self.expect(key, version, header.correlation_id);
        let mut frame = Vec::new();
        encode_frame(&mut frame, |frame| {
            header.encode(frame);
            body(frame);
        });
        frame
    }

    /// Sends a frame whose bytes after the length come from the caller. The caller names the
    /// expected answer.
    pub(crate) fn send_frame(&mut self, key: i16, version: i16, correlation_id: i32, frame: &[u8]) {
        self.expect(key, version, correlation_id);
        self.send_bytes(&framed(frame));
    }

    fn expect(&mut self, key: i16, version: i16, correlation_id: i32) {
        self.sent.push(Sent {
            correlation_id,
            key,
            version,
        });
        self.correlation_id = correlation_id.wrapping_add(1);
    }

    pub(crate) fn send(&mut self, version: i16, request: impl Into<RequestBody>) {
        let frame = self.frame(version, request);
        self.send_bytes(&frame);
    }

    /// Closes the sending direction. The broker may still answer.
    pub(crate) fn finish_sending(&self) {
        self.client.close_write();
    }

    /// Sends a request and reads what comes next.
    pub(crate) fn ask(&mut self, version: i16, request: impl Into<RequestBody>) -> Option<ResponseBody> {
        self.send(version, request);
        self.next()
    }

    /// Waits for the next answer, or for the end of the connection, and writes it down.
    pub(crate) fn next(&mut self) -> Option<ResponseBody> {
        let frame = match self.read_frame() {
            Ok(frame) => frame,
            Err(what) => {
                self.note(what);
                return None;
            }
        };
        let Some((correlation_id, _)) = frame.split_first_chunk() else {
            self.note("< a frame without a correlation id");
            return None;
        };
        let correlation_id = i32::from_be_bytes(*correlation_id);
        let Some(index) = self
            .sent
            .iter()
            .position(|sent| sent.correlation_id == correlation_id)
        else {
            self.note("< an answer to nothing that was sent");
            return None;
        };
        let sent = self.sent[index];
        let skipped = index > 0;
        self.sent.drain(..=index);
        let (lines, body) = answer::render(sent.key, sent.version, frame.into(), &self.names);
        let behind = if skipped {
            ", none to what was sent before it"
        } else {
            ""
        };
        for (line, text) in lines.iter().enumerate() {
            match line {
                0 => self.note(&format!("< #{correlation_id}{behind} {text}")),
                _ => self.note(&format!("    {text}")),
            }
        }
        body
    }

    /// Likewise, and writes down whether it took at least this long.
    pub(crate) fn next_after(&mut self, least: Duration) -> Option<ResponseBody> {
        let since = Instant::now();
        let body = self.next();
        self.note_time(since, least);
        body
    }

    fn note_time(&self, since: Instant, least: Duration) {
        // The broker's clock began before ours, and counts whole milliseconds.
        let long = since.elapsed() + Duration::from_millis(20) >= least;
        let what = if long { "at least" } else { "less than" };
        self.note(&format!("  after {what} {} ms", least.as_millis()));
    }

    fn read_frame(&mut self) -> Result<Vec<u8>, &'static str> {
        self.client.next_frame().map_err(|why| match why {
            NoFrame::Silence => "nothing came",
            NoFrame::Closed => "closed",
            NoFrame::ClosedWithin => "closed within an answer",
        })
    }

    pub(crate) fn describe(&mut self, name: &Str) -> MetadataResponse {
        let asked = request::metadata_without_creating(&[name]);
        match self.ask(12, asked) {
            Some(ResponseBody::Metadata(answer)) => answer,
            _ => MetadataResponse::default(),
        }
    }

    fn sees(&mut self, name: &Str) -> bool {
        let described = self.describe(name);
        described.topics.iter().any(|topic| {
            let led = topic
                .partitions
                .iter()
                .all(|partition| partition.error_code == ErrorCode::NONE);
            topic.error_code == ErrorCode::NONE && led && !topic.partitions.is_empty()
        })
    }

    fn reaches(&mut self, name: &Str, index: i32) -> bool {
        let asked = self.ask(1, request::list_offsets(name, index, -1));
        let Some(ResponseBody::ListOffsets(answer)) = asked else {
            return false;
        };
        let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.all(|partition| partition.error_code == ErrorCode::NONE)
    }
}

/// Bytes with their length before them.
pub(crate) fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as i32).to_be_bytes(), bytes].concat()
}

/// The same, for code that also mutates: sets the length that a changed frame now has.
pub(crate) fn relength(mut frame: Vec<u8>) -> Vec<u8> {
    let length = frame.len() as i32 - 4;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}
