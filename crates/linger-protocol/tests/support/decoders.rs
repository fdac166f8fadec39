//! What every decoder guarantees for bytes from untrusted peers. The mutation tests and the fuzzers
//! share these checks.
//!
//! Each function takes one input and returns whether it was accepted. It panics if a guarantee is
//! broken. An input is accepted or refused. The memory held is bounded by the size of the input. An
//! accepted input is encoded and decoded again to an equal value.

use bytes::Bytes;
use linger_protocol::frame::{FrameDecoder, FrameError};
use linger_protocol::header::{RequestHeader, ResponseHeader};
use linger_protocol::messages::{ProduceResponse, RequestBody, ResponseBody};
use linger_protocol::records::{DecompressError, batches};
use linger_protocol::{ApiKey, Message, Reader};

use linger_testkit::allocator::measure;

/// The most that decoding `size` bytes may hold: a bounded start, and a bounded factor for small
/// elements.
pub(crate) fn budget(size: usize) -> usize {
    64 * 1024 + 64 * size
}

fn within_budget<T>(size: usize, work: impl FnOnce() -> T) -> T {
    within(budget(size), size, work)
}

fn within<T>(allowed: usize, size: usize, work: impl FnOnce() -> T) -> T {
    let (result, peak) = measure(work);
    assert!(
        peak <= allowed,
        "{peak} bytes held, {allowed} allowed, for an input of {size}"
    );
    result
}

const FRAME_MAX: usize = 1 << 20;

/// `step, stream`: however a stream is cut into reads, the same frames come out, and then the same
/// error.
pub(crate) fn frame(input: &[u8]) -> bool {
    let Some((&step, stream)) = input.split_first() else {
        return false;
    };
    let cut = within_budget(stream.len(), || frames(stream, usize::from(step) + 1));
    assert_eq!(cut, frames(stream, usize::MAX));
    cut.1.is_none()
}

fn frames(stream: &[u8], step: usize) -> (Vec<Bytes>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new(FRAME_MAX);
    let mut frames = Vec::new();
    for read in stream.chunks(step) {
        decoder.buffer().extend_from_slice(read);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// A frame without its length, as a broker gets it.
pub(crate) fn request(input: &[u8]) -> bool {
    let frame = Bytes::copy_from_slice(input);
    let mut reader = Reader::new(&frame);
    let Ok(header) = within_budget(input.len(), || RequestHeader::decode(&mut reader)) else {
        return false;
    };
    let Ok(key) = ApiKey::try_from(header.api_key) else {
        return false;
    };
    let version = header.api_version;
    let decoded = within_budget(input.len(), || RequestBody::decode(key, version, &mut reader));
    let Ok(body) = decoded else {
        return false;
    };
    let mut again = Vec::new();
    body.encode(&mut again, version);
    let again = Bytes::from(again);
    let mut reader = Reader::new(&again);
    assert_eq!(RequestBody::decode(key, version, &mut reader), Ok(body));
    assert_eq!(reader.remaining(), 0);
    true
}

/// `key, version, frame`: a frame without its length, as a client gets it that awaits the answer to
/// that request.
pub(crate) fn response(input: &[u8]) -> bool {
    let [key, version, frame @ ..] = input else {
        return false;
    };
    let key = ApiKey::ALL[usize::from(*key) % ApiKey::ALL.len()];
    let version = i16::from(*version % 16);
    let frame = Bytes::copy_from_slice(frame);
    let mut reader = Reader::new(&frame);
    if within_budget(frame.len(), || ResponseHeader::decode(&mut reader, key, version)).is_err() {
        return false;
    }
    let behind_header = frame.slice(frame.len() - reader.remaining()..);
    let decoded = within_budget(frame.len(), || ResponseBody::decode(key, version, &mut reader));
    let Ok(body) = decoded else {
        return false;
    };
    let mut again = Vec::new();
    body.encode(&mut again, version);
    let again = Bytes::from(again);
    let mut reader = Reader::new(&again);
    let reread = ResponseBody::decode(key, version, &mut reader);
    assert_eq!(reread.as_ref(), Ok(&body));
    assert_eq!(reader.remaining(), 0);

    if key == ApiKey::Produce {
        let mut over = used_answer();
        let decoded = within_budget(frame.len(), || {
            over.decode_over(&mut Reader::new(&behind_header), version)
        });
        decoded.expect("what is read into new memory is read into old");
        assert_eq!(ResponseBody::from(over), body);
    }
    true
}

/// An answer whose memory is used again, with something in every part.
fn used_answer() -> ProduceResponse {
    let mut answer = ProduceResponse {
        throttle_time_ms: 7,
        ..ProduceResponse::default()
    };
    answer.responses.resize_with(2, Default::default);
    for topic in &mut answer.responses {
        topic.name = "used".into();
        topic.partition_responses.resize_with(2, Default::default);
        for partition in &mut topic.partition_responses {
            partition.record_errors.resize_with(1, Default::default);
            partition.error_message = Some("used".into());
        }
    }
    answer
}

/// How far records may unpack within the budget: while they grow, twice as much again is held.
const UNPACKED_FACTOR: usize = 16;
/// How far they may unpack at all, as every caller has a limit of its own.
const UNPACKED_MAX: usize = 1 << 20;

/// A record set, as brokers and readers get it. Its checksums are not believed, so that what is
/// behind them is read.
pub(crate) fn batch(input: &[u8]) -> bool {
    let mut whole = true;
    for batch in batches(input) {
        let Ok(batch) = batch else {
            return false;
        };
        let _ = batch.verify_crc();
        let size = input.len();
        let mut unpacked = within_budget(size, || batch.records(UNPACKED_FACTOR * size));
        if let Err(DecompressError::TooLarge { .. }) = unpacked {
            let allowed = budget(size) + 3 * UNPACKED_MAX;
            unpacked = within(allowed, size, || batch.records(UNPACKED_MAX));
        }
        let Ok(records) = unpacked else {
            whole = false;
            continue;
        };
        let mut read = 0;
        for record in records.iter() {
            let Ok(record) = record else {
                whole = false;
                break;
            };
            read += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            read += record
                .headers()
                .map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len))
                .sum::<usize>();
        }
        assert!(
            read <= records.bytes().len(),
            "records are inside their batch and do not overlap"
        );
    }
    whole
}
