//! Length-prefixed framing: every request and response is preceded by its size as an `i32`.

use bytes::{Buf, Bytes, BytesMut};

use crate::header::{ResponseHeader, write_request_header};
use crate::{ApiKey, Message, Request, Sink};

/// Size of the length in front of a frame, in bytes.
pub const LENGTH_SIZE: usize = 4;

/// The largest request that a broker takes by default, in bytes (`socket.request.max.bytes`).
pub const REQUEST_SIZE_MAX: usize = 104_857_600;

/// Room for reading where nothing is known about the next frame, in bytes.
const READ_SIZE: usize = 64 * 1024;

/// Below this much room a new buffer is taken rather than making a tiny read, in bytes.
const READ_SIZE_MIN: usize = 4 * 1024;

/// Cuts a stream of bytes into frames.
///
/// Read into [`FrameDecoder::buffer`], then take frames until there is none. A frame shares the buffer's memory:
/// no byte of a small one is copied, and of a large one only what arrived before its buffer was found too small.
///
/// A length is a claim by a stranger. It is refused before anything is allocated if it cannot be right, and else
/// believed step by step: room at most doubles with what has arrived, or reaches at once the size of a frame that
/// this peer has sent whole before.
#[derive(Debug)]
pub struct FrameDecoder {
    buffer: BytesMut,
    frame_size_max: usize,
    /// The largest frame that has arrived whole, with its length.
    proven_size: usize,
}

/// A length that no frame can have; the stream cannot be followed beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is negative.
    #[error("frame length {length} is negative{}", Foreign(*length))]
    Negative {
        /// The length as received.
        length: i32,
    },
    /// The length is zero: not even a header could follow.
    #[error("frame length is 0, not even a header could follow")]
    Empty,
    /// The length is above the limit.
    #[error("frame length {length} is above the limit of {limit} bytes{}", Foreign(*length))]
    TooLarge {
        /// The length as received.
        length: i32,
        /// The most that is accepted, in bytes.
        limit: usize,
    },
}

impl FrameDecoder {
    /// Creates a decoder that refuses frames of more than `frame_size_max` bytes (without the length).
    pub fn new(frame_size_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            frame_size_max,
            proven_size: 0,
        }
    }

    /// Returns the buffer to append the next bytes of the stream to, with room for a good read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        let room = self.buffer.capacity() - self.buffer.len();
        match self.missing() {
            // A large frame has begun: ask for just the rest of it, so that the next one starts a fresh buffer.
            Some(missing) if missing > READ_SIZE_MIN => {
                let trusted = self.proven_size.saturating_sub(self.buffer.len());
                let step = missing.min(self.buffer.len().max(READ_SIZE).max(trusted));
                if room < missing && room < step {
                    self.buffer.reserve(step);
                }
            }
            _ if room < READ_SIZE_MIN => self.buffer.reserve(READ_SIZE),
            _ => {}
        }
        &mut self.buffer
    }

    /// Returns the next whole frame, without its length, if it has arrived.
    ///
    /// # Errors
    /// [`FrameError`] if the length cannot be right. The error repeats: nothing behind it can be trusted.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.length() else {
            return Ok(None);
        };
        let size = LENGTH_SIZE + self.checked(length)?;
        if self.buffer.len() < size {
            return Ok(None);
        }
        self.proven_size = self.proven_size.max(size);
        let mut frame = self.buffer.split_to(size);
        frame.advance(LENGTH_SIZE);
        Ok(Some(frame.freeze()))
    }

    /// Tells whether part of a frame has arrived: the end of the stream would cut it.
    pub fn is_within_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn length(&self) -> Option<i32> {
        self.buffer.first_chunk().map(|bytes| i32::from_be_bytes(*bytes))
    }

    fn checked(&self, length: i32) -> Result<usize, FrameError> {
        match usize::try_from(length) {
            Err(_) => Err(FrameError::Negative { length }),
            Ok(0) => Err(FrameError::Empty),
            Ok(size) if size > self.frame_size_max => Err(FrameError::TooLarge {
                length,
                limit: self.frame_size_max,
            }),
            Ok(size) => Ok(size),
        }
    }

    /// How many bytes of a frame with a credible length have yet to arrive.
    fn missing(&self) -> Option<usize> {
        let size = LENGTH_SIZE + self.checked(self.length()?).ok()?;
        size.checked_sub(self.buffer.len())
    }
}

/// Appends a whole request: length, header, body.
pub fn encode_request<R: Request>(
    sink: &mut impl Sink,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    request: &R,
) {
    encode_frame(sink, |sink| {
        write_request_header(sink, R::KEY as i16, version, correlation_id, client_id);
        request.encode(sink, version);
    });
}

/// Appends a whole response of the API `key`: length, header, body.
pub fn encode_response<R: Message>(
    sink: &mut impl Sink,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    response: &R,
) {
    encode_frame(sink, |sink| {
        ResponseHeader { correlation_id }.encode(sink, key, version);
        response.encode(sink, version);
    });
}

/// Appends a frame around whatever `body` appends.
pub fn encode_frame<S: Sink>(sink: &mut S, body: impl FnOnce(&mut S)) {
    let gap = sink.put_gap();
    let start = sink.size();
    body(sink);
    let length = sink.size() - start;
    assert!(
        i32::try_from(length).is_ok(),
        "a frame of {length} bytes has no length on the wire"
    );
    sink.fill(gap, length as i32);
}

/// Says what a "length" is that was really the beginning of another protocol.
struct Foreign(i32);

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0.to_be_bytes() {
            [0x16, 0x03, _, _] => f.write_str("; it looks like the beginning of a TLS handshake"),
            b"GET " | b"POST" | b"PUT " | b"HEAD" | b"OPTI" | b"DELE" | b"CONN" | b"PRI " => {
                f.write_str("; it looks like the beginning of an HTTP request")
            }
            b"SSH-" => f.write_str("; it looks like the beginning of an SSH session"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{ProduceRequest, TopicProduceData};
    use crate::{RecordSet, Scatter};

    #[test]
    fn the_length_of_a_request_counts_shared_records() {
        let request = ProduceRequest {
            topic_data: vec![TopicProduceData {
                name: "orders".into(),
                partition_data: vec![crate::messages::PartitionProduceData {
                    index: 3,
                    records: Some(RecordSet {
                        header: Some([1; 61]),
                        body: Bytes::from(vec![2; 5_000]),
                    }),
                }],
            }],
            ..ProduceRequest::default()
        };
        let mut scatter = Scatter::new();
        let mut flat = Vec::new();
        for correlation_id in 0..2 {
            encode_request(&mut scatter, 9, correlation_id, Some("me"), &request);
            encode_request(&mut flat, 9, correlation_id, Some("me"), &request);
        }
        assert_eq!(scatter.to_vec(), flat);
        assert_eq!(flat[..4], (flat.len() as i32 / 2 - 4).to_be_bytes());
    }
}
