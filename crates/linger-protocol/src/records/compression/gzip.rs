//! gzip: the encoder writes one member, the decoder reads one or more.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::settings::GZIP_LEVELS;
use super::{Codec, DecompressError, room};

/// zlib's largest window, 32 KiB.
const WINDOW_BITS: u8 = 15;
/// The output grows by at least this many bytes.
const GROWTH_MIN: usize = 4 << 10;
/// The first bytes of every member of RFC 1952 whose content is deflated.
const MEMBER: [u8; 3] = [0x1f, 0x8b, 0x08];

/// A deflater, with the level for which it was made.
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
        // A result that is not smaller than the input is not used, so that room for the input is
        // enough.
        let output = room(output, input.len());
        match deflate.compress(input, output, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => Some(deflate.total_out() as usize),
            Ok(_) | Err(_) => None,
        }
    }
}

/// Kafka reads all members. It ignores bytes that do not begin a member.
pub(super) fn decompress(input: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), DecompressError> {
    let mut remaining = input;
    loop {
        remaining = decompress_member(remaining, output, limit)?;
        if !remaining.starts_with(&MEMBER) {
            return Ok(());
        }
    }
}

/// Decompresses one member, appends it to `output`, and returns the input behind the member.
///
/// The fields of the member's header are skipped: a reader that keeps them allocates what the
/// fields claim.
fn decompress_member<'a>(
    input: &'a [u8],
    output: &mut Vec<u8>,
    limit: usize,
) -> Result<&'a [u8], DecompressError> {
    let invalid = || DecompressError::invalid(Codec::Gzip, "cut or corrupt member");
    let mut inflate = Decompress::new_gzip(WINDOW_BITS);
    loop {
        if output.len() == output.capacity() {
            // One byte beyond the limit shows that the data is larger than the limit.
            let left = limit.saturating_add(1) - output.len();
            output.reserve_exact(output.len().max(GROWTH_MIN).min(left));
        }
        let remaining = &input[inflate.total_in() as usize..];
        let status = inflate
            .decompress_vec(remaining, output, FlushDecompress::None)
            .map_err(|_| invalid())?;
        if output.len() > limit {
            let codec = Codec::Gzip;
            return Err(DecompressError::TooLarge { codec, limit });
        }
        match status {
            Status::StreamEnd => return Ok(&input[inflate.total_in() as usize..]),
            Status::Ok | Status::BufError if output.len() == output.capacity() => {}
            Status::Ok | Status::BufError => return Err(invalid()),
        }
    }
}
