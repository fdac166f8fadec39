//! gzip: one member is written, several are read.

use flate2::bufread::GzDecoder;
use flate2::{Compress, FlushCompress, Status};
use std::io::Read;

use super::settings::GZIP_LEVELS;
use super::{Codec, DecompressError, room};

/// zlib's largest window, 32 KiB.
const WINDOW_BITS: u8 = 15;
/// How every member of RFC 1952 with deflated content begins.
const MEMBER: [u8; 3] = [0x1f, 0x8b, 0x08];

/// A deflater with the level it was made for.
#[derive(Default)]
pub(super) struct Encoder(Option<(i32, Compress)>);

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], output: &mut Vec<u8>, level: i32) -> Option<usize> {
        let level = level.clamp(*GZIP_LEVELS.start(), *GZIP_LEVELS.end());
        let deflate = match &mut self.0 {
            Some((made_for, deflate)) if *made_for == level => {
                deflate.reset();
                deflate
            }
            slot => {
                let settings = flate2::Compression::new(level as u32);
                &mut slot.insert((level, Compress::new_gzip(settings, WINDOW_BITS))).1
            }
        };
        // Room for less than the input is enough: more would not be sent.
        let output = room(output, input.len());
        match deflate.compress(input, output, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => Some(deflate.total_out() as usize),
            Ok(_) | Err(_) => None,
        }
    }
}

/// Kafka reads further members and ignores bytes that begin none.
pub(super) fn decompress(input: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), DecompressError> {
    let codec = Codec::Gzip;
    let mut rest = input;
    loop {
        let mut member = GzDecoder::new(&mut rest);
        let room = (limit - output.len()) as u64;
        (&mut member)
            .take(room.saturating_add(1))
            .read_to_end(output)
            .map_err(|_| DecompressError::invalid(codec, "cut or corrupt member"))?;
        if output.len() > limit {
            return Err(DecompressError::TooLarge { codec, limit });
        }
        if !rest.starts_with(&MEMBER) {
            return Ok(());
        }
    }
}
