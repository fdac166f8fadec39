//! A client on Tokio that sends what it is told and checks nothing.

use std::time::Duration;

use bytes::Bytes;
use linger_protocol::frame::{FrameDecoder, encode_request};
use linger_protocol::header::ResponseHeader;
use linger_protocol::{ApiKey, Message, Reader, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a broker may take to answer or to close. Longer than anything in a test takes.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a broker that must stay silent is listened to.
pub const SILENCE: Duration = Duration::from_millis(100);

/// The largest answer that is read.
const FRAME_BYTES_MAX: usize = 1 << 24;

/// A connection to a broker.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    decoder: FrameDecoder,
}

impl Client {
    /// Connects to `address`; `None` if nobody listens there.
    pub async fn connect(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        Some(Self {
            stream,
            decoder: FrameDecoder::new(FRAME_BYTES_MAX),
        })
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the broker reads");
    }

    /// Sends bytes to a broker that may have closed the connection.
    pub async fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Closes the client's side.
    pub async fn close_write(&mut self) {
        self.stream.shutdown().await.expect("the connection is open");
    }

    /// Closes the client's side of a connection that the broker may have closed already.
    pub async fn try_close_write(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Sends a request and gives its response.
    pub async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(&frame(version, 7, request)).await;
        let (correlation_id, response) = self.receive(R::KEY, version).await;
        assert_eq!(correlation_id, 7);
        response
    }

    /// The next response and its correlation id.
    pub async fn receive<R: Message>(&mut self, api: ApiKey, version: i16) -> (i32, R) {
        let frame = self.next_frame().await;
        let frame = frame.expect("the broker answers before it closes");
        response(&frame, api, version)
    }

    /// The next frame, or `None` if the broker closes instead.
    pub async fn next_frame(&mut self) -> Option<Bytes> {
        let frame = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(frame) = self.decoder.next_frame().expect("the broker frames well") {
                    return Some(frame);
                }
                match self.stream.read_buf(self.decoder.buffer()).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        });
        frame.await.expect("the broker answers or closes in time")
    }

    /// Everything that the broker sends until it closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest));
        // A reset ends a stream as well as a FIN does.
        let _ = read.await.expect("the broker closes in time");
        rest
    }

    /// Asserts that the broker closes without an answer.
    pub async fn assert_closed(&mut self) {
        let frame = self.next_frame().await;
        assert_eq!(frame, None, "the broker closes without an answer");
    }

    /// True if the broker ended the connection by a reset rather than by a FIN.
    pub async fn is_reset(&mut self) -> bool {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut byte));
        read.await.expect("the broker closes in time").is_err()
    }

    /// Asserts that nothing comes for a while, the end included.
    pub async fn assert_silent(&mut self) {
        let heard = tokio::time::timeout(SILENCE, self.stream.read_buf(self.decoder.buffer())).await;
        assert!(heard.is_err(), "the broker was to be silent: {heard:?}");
    }
}

/// A request as a frame.
pub fn frame<R: Request>(version: i16, correlation_id: i32, request: &R) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_request(&mut frame, version, correlation_id, Some("test"), request);
    frame
}

/// A frame as a response, with its correlation id.
pub(crate) fn response<R: Message>(frame: &Bytes, api: ApiKey, version: i16) -> (i32, R) {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::decode(&mut reader, api, version).expect("the header is one");
    let response = R::decode(&mut reader, version).expect("the body is one");
    assert_eq!(reader.remaining(), 0, "the answer has nothing behind its body");
    (header.correlation_id, response)
}
