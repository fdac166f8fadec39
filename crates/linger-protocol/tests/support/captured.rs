//! Frames captured on the wire, as `tests/golden/frames.txt` keeps them.

use bytes::Bytes;
use linger_protocol::ApiKey;
use linger_protocol::frame::{FrameDecoder, REQUEST_SIZE_MAX};

const FRAMES: &str = include_str!("../golden/frames.txt");

/// One line of the capture.
pub(crate) struct Captured {
    pub(crate) line: &'static str,
    pub(crate) sender: &'static str,
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) is_request: bool,
    /// With its length.
    pub(crate) bytes: Bytes,
}

pub(crate) fn captured() -> impl Iterator<Item = Captured> {
    FRAMES.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut parts = line.split(" | ");
        let mut next = || parts.next().expect("sender | what | hexadecimal");
        let (sender, what, hex) = (next(), next(), next());
        let words: Vec<&str> = what.split(' ').collect();
        let [name, version, direction] = words[..] else {
            panic!("API, version and direction: {what}")
        };
        Captured {
            line: what,
            sender,
            key: ApiKey::ALL
                .into_iter()
                .find(|key| key.name() == name)
                .expect("an API's name"),
            version: version.parse().expect("a version"),
            is_request: direction == "request",
            bytes: unhex(hex),
        }
    })
}

fn unhex(hex: &str) -> Bytes {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
    hex.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

impl Captured {
    pub(crate) fn frame(&self) -> Bytes {
        let mut decoder = FrameDecoder::new(REQUEST_SIZE_MAX);
        decoder.buffer().extend_from_slice(&self.bytes);
        let frame = decoder
            .next_frame()
            .expect("a right length")
            .expect("a whole frame");
        assert!(
            !decoder.is_within_frame(),
            "{} of {}: bytes behind the frame",
            self.line,
            self.sender
        );
        frame
    }

    /// Versions that nobody speaks are in the capture too, for how they are answered.
    pub(crate) fn is_spoken(&self) -> bool {
        self.key.versions().contains(&self.version)
    }
}
