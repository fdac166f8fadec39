//! A client on a blocking socket that sends what it is told and checks nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::Bytes;
use linger_protocol::Request;

use crate::client::{frame, response};

/// A connection to a broker.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
}

/// Why no whole frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFrame {
    /// Nothing came in time.
    Silence,
    /// The broker closed between two frames.
    Closed,
    /// The broker closed within a frame.
    ClosedWithin,
}

impl Client {
    /// Connects to a broker, and waits for each answer as long as `patience`.
    pub fn connect(address: impl ToSocketAddrs, patience: Duration) -> Self {
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(patience)).expect("a TCP socket");
        Self { stream }
    }

    /// Sends bytes as they are. The broker may have closed already, which reading will show.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends the client's direction. The broker may still answer.
    pub fn close_write(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends a request and gives its response.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(&frame(version, 7, request));
        let frame = Bytes::from(self.next_frame().expect("the broker answers"));
        let (correlation_id, response) = response(&frame, R::KEY, version);
        assert_eq!(correlation_id, 7);
        response
    }

    /// The next frame, without its length.
    ///
    /// # Errors
    ///
    /// If the broker closes, or stays silent.
    pub fn next_frame(&mut self) -> Result<Vec<u8>, NoFrame> {
        let mut length = [0; 4];
        self.read(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.read(&mut frame).map_err(|_| NoFrame::ClosedWithin)?;
        Ok(frame)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), NoFrame> {
        self.stream.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => NoFrame::Silence,
            // A reset says no more than that the broker did not read some of our bytes.
            _ => NoFrame::Closed,
        })
    }
}
