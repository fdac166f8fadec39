//! However a stream is cut into reads, the same frames come out, and then the same error.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use linger_protocol::frame::{FrameDecoder, FrameError};

fuzz_target!(|input: (u8, &[u8])| {
    let (step, stream) = input;
    assert_eq!(frames(stream, usize::from(step) + 1), frames(stream, usize::MAX));
});

fn frames(stream: &[u8], step: usize) -> (Vec<Bytes>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new(1 << 20);
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
