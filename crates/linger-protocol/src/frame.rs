//! Length-prefixed framing: every request and response is preceded by its size as an `i32`.

use bytes::{Buf, Bytes, BytesMut};

use crate::header::{ResponseHeader, write_request_header};
use crate::{ApiKey, Message, Request, Sink};

/// Size of the length in front of a frame, in bytes.
pub const LENGTH_SIZE: usize = 4;

/// The largest request that a broker takes by default, in bytes (`socket.request.max.bytes`).
pub const REQUEST_SIZE_MAX: usize = 104_857_600;

/// Capacity for a read when the size of the next frame is unknown, in bytes. That is the case for
/// the first frame of a connection, and after large frames.
const READ_SIZE: usize = 64 * 1024;
const READ_SIZE_MAX: usize = 256 * 1024;

/// With less free capacity than this, in bytes, a new buffer is allocated, so that no read is tiny.
const READ_SIZE_MIN: usize = 4 * 1024;

/// Splits a stream of bytes into frames.
///
/// Read into [`FrameDecoder::buffer`], then call [`FrameDecoder::next_frame`] until it returns
/// `None`. A frame shares the memory of the buffer. A small frame is never copied. Of a large
/// frame, only the bytes that arrived before the buffer grew are copied.
///
/// The peer is not trusted. An impossible length is refused before anything is allocated. For any
/// other length, capacity grows step by step: it at most doubles with the bytes that have arrived.
/// It grows at once to the size of a whole frame that this peer has sent before.
#[derive(Debug)]
pub struct FrameDecoder {
    buffer: BytesMut,
    frame_size_max: usize,
    /// The largest frame that has arrived whole, with its length.
    proven_size: usize,
}

/// The length of a frame is impossible. The stream cannot be read after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is negative.
    #[error("frame length {length} is negative{}", Foreign(*length))]
    Negative {
        /// The length as received.
        length: i32,
    },
    /// The length is zero, which leaves no room for a header.
    #[error("frame length is 0, not even a header could follow")]
    Empty,
    /// The length is above the limit.
    #[error("frame length {length} is above the limit of {limit} bytes{}", Foreign(*length))]
    TooLarge {
        /// The length as received.
        length: i32,
        /// The largest length that is accepted, in bytes.
        limit: usize,
    },
}

impl FrameDecoder {
    /// Creates a decoder that refuses frames of more than `frame_size_max` bytes (without the
    /// length).
    pub fn new(frame_size_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            frame_size_max,
            proven_size: 0,
        }
    }

    /// Returns the buffer for the next bytes of the stream. It has capacity for a read of useful
    /// size.
    pub fn buffer(&mut self) -> &mut BytesMut {
        let room = self.buffer.capacity() - self.buffer.len();
        match self.missing() {
            // For a large frame, reserve only the missing bytes. The next frame then starts a new
            // buffer.
            Some(missing) if missing > READ_SIZE_MIN => {
                let proven = self.proven_size >= self.buffer.len() + missing;
                if room < missing && (proven || room < READ_SIZE_MIN) {
                    let step = if proven {
                        missing
                    } else {
                        missing.min(self.buffer.len().max(READ_SIZE))
                    };
                    self.buffer.reserve(step);
                }
            }
            _ if room < READ_SIZE_MIN => self
                .buffer
                .reserve(self.proven_size.clamp(READ_SIZE, READ_SIZE_MAX)),
            _ => {}
        }
        &mut self.buffer
    }

    /// Returns the next whole frame, without its length, if it has arrived.
    ///
    /// # Errors
    /// [`FrameError`] if the length is impossible. Every later call returns the same error, because
    /// the bytes after such a length have no meaning.
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

    /// Tells whether a part of a frame has arrived. If the stream ends now, that frame is cut.
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

    /// The number of bytes that are missing from the current frame, if its length is possible.
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

/// Appends a frame that holds what `body` appends.
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

/// Names the other protocol whose first bytes were read as a length.
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
    use crate::messages::{PartitionProduceData, ProduceRequest, TopicProduceData};
    use crate::{RecordSet, Scatter};

    const LIMIT: usize = 1 << 20;

    /// Passes `stream` to the decoder in reads of at most `step` bytes, limited by the decoder's
    /// capacity.
    fn frames(decoder: &mut FrameDecoder, stream: &[u8], step: usize) -> Result<Vec<Bytes>, FrameError> {
        let mut frames = Vec::new();
        let mut rest = stream;
        while !rest.is_empty() {
            let buffer = decoder.buffer();
            let count = (buffer.capacity() - buffer.len()).min(step).min(rest.len());
            assert!(count > 0, "there is always room");
            buffer.extend_from_slice(&rest[..count]);
            rest = &rest[count..];
            while let Some(frame) = decoder.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn stream(sizes: &[usize]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let bodies: Vec<Vec<u8>> = sizes
            .iter()
            .map(|size| (0..*size).map(|i| (i * 31 + size) as u8).collect())
            .collect();
        let mut stream = Vec::new();
        for body in &bodies {
            encode_frame(&mut stream, |sink: &mut Vec<u8>| sink.extend_from_slice(body));
        }
        (stream, bodies)
    }

    fn check(sizes: &[usize], step: usize) {
        let (stream, bodies) = stream(sizes);
        let mut decoder = FrameDecoder::new(LIMIT);
        assert_eq!(
            frames(&mut decoder, &stream, step),
            Ok(bodies.into_iter().map(Bytes::from).collect())
        );
        assert!(!decoder.is_within_frame());
    }

    fn refused(bytes: &[u8]) -> (FrameError, String) {
        let mut decoder = FrameDecoder::new(LIMIT);
        decoder.buffer().extend_from_slice(bytes);
        let error = decoder.next_frame().expect_err("refused");
        assert_eq!(decoder.next_frame(), Err(error), "and again");
        (error, error.to_string())
    }

    #[test]
    fn frames_come_out_however_the_stream_is_cut() {
        for step in 1..60 {
            check(&[1, 2, 3, 40, 1, 7], step);
        }
        for step in [1_000, 4_096, 65_536, 70_001, usize::MAX] {
            check(&[1, 70_000, 5, LIMIT, 300_000, 64 * 1024 - 4, LIMIT, 9, 9], step);
        }
    }

    #[test]
    fn a_stream_cut_anywhere_gives_what_was_whole_and_waits() {
        let (stream, bodies) = stream(&[3, 1, 5]);
        for cut in 0..=stream.len() {
            let mut decoder = FrameDecoder::new(LIMIT);
            let whole = frames(&mut decoder, &stream[..cut], usize::MAX).expect("nothing is wrong");
            assert_eq!(whole.len(), [7, 12, 21].iter().filter(|end| **end <= cut).count());
            assert_eq!(decoder.is_within_frame(), ![0, 7, 12, 21].contains(&cut));
            let rest = frames(&mut decoder, &stream[cut..], usize::MAX).expect("nothing is wrong");
            assert_eq!([whole, rest].concat(), bodies);
        }
    }

    #[test]
    fn a_length_that_cannot_be_right_is_refused_at_once() {
        assert_eq!(refused(&[0, 0, 0, 0]).0, FrameError::Empty);
        assert_eq!(
            refused(&[0xff, 0xff, 0xff, 0xff]).0,
            FrameError::Negative { length: -1 }
        );
        assert_eq!(
            refused(&[0x80, 0, 0, 0]).0,
            FrameError::Negative { length: i32::MIN }
        );
        let above = LIMIT as i32 + 1;
        assert_eq!(
            refused(&above.to_be_bytes()).0,
            FrameError::TooLarge {
                length: above,
                limit: LIMIT
            }
        );
    }

    #[test]
    fn frames_before_a_bad_length_are_given_first() {
        let (mut stream, bodies) = stream(&[3, 5]);
        stream.extend_from_slice(&[0xff; 4]);
        let mut decoder = FrameDecoder::new(LIMIT);
        decoder.buffer().extend_from_slice(&stream);
        for body in bodies {
            assert_eq!(decoder.next_frame(), Ok(Some(body.into())));
        }
        assert_eq!(decoder.next_frame(), Err(FrameError::Negative { length: -1 }));
    }

    #[test]
    fn a_foreign_protocol_is_named() {
        assert!(
            refused(&[0x16, 0x03, 0x01, 0x02, 0x00])
                .1
                .ends_with("looks like the beginning of a TLS handshake")
        );
        assert!(
            refused(b"GET / HTTP/1.1")
                .1
                .ends_with("looks like the beginning of an HTTP request")
        );
        assert!(
            refused(b"SSH-2.0")
                .1
                .ends_with("looks like the beginning of an SSH session")
        );
    }

    #[test]
    fn small_frames_share_the_buffer_that_was_read_into() {
        let (stream, _) = stream(&[100; 20]);
        let mut decoder = FrameDecoder::new(LIMIT);
        decoder.buffer().extend_from_slice(&stream);
        let start = decoder.buffer.as_ptr();
        for i in 0..20 {
            let frame = decoder.next_frame().expect("fine").expect("whole");
            assert_eq!(frame.as_ptr(), start.wrapping_add(i * 104 + 4));
        }
    }

    #[test]
    fn a_large_frame_moves_at_most_twice_its_size() {
        let (stream, _) = stream(&[LIMIT]);
        let mut decoder = FrameDecoder::new(LIMIT);
        let mut moved = 0;
        for piece in stream.chunks(1_000) {
            let (before, held) = (decoder.buffer.as_ptr(), decoder.buffer.len());
            if decoder.buffer().as_ptr() != before {
                moved += held;
            }
            decoder.buffer().extend_from_slice(piece);
        }
        assert!(decoder.next_frame().expect("fine").is_some());
        assert!(moved <= 2 * LIMIT, "{moved} bytes moved");
    }

    #[test]
    fn the_second_large_frame_is_given_its_room_at_once() {
        let (stream, bodies) = stream(&[900_000, 900_000]);
        let mut decoder = FrameDecoder::new(LIMIT);
        let kept = frames(&mut decoder, &stream[..900_004], usize::MAX).expect("nothing is wrong");
        decoder.buffer().extend_from_slice(&stream[900_004..900_104]);
        decoder.buffer();
        let start = decoder.buffer.as_ptr();
        let rest = frames(&mut decoder, &stream[900_104..], usize::MAX).expect("nothing is wrong");
        assert_eq!(
            rest[0].as_ptr(),
            start.wrapping_add(LENGTH_SIZE),
            "not moved again"
        );
        assert_eq!([kept, rest].concat(), bodies);
    }

    #[test]
    fn the_length_of_a_request_counts_shared_records() {
        let request = ProduceRequest {
            topic_data: vec![TopicProduceData {
                name: "orders".into(),
                partition_data: vec![PartitionProduceData {
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
