//! A zstd frame states a window of up to 2 TiB, which its reader is meant to allocate. The
//! decoder's memory is allocated by C code, which no Rust allocator counts, so that this test reads
//! the address space of its own process.

#![cfg(target_os = "linux")]

use linger_protocol::records::{Codec, DecompressError, decompress};

/// The allocator maps pages in blocks of this order, and an arena per thread.
const SLACK: usize = 8 << 20;

/// The largest window that zstd reads has `1 << 31` bytes. That is the exponent of a window of `1
/// << (10 + exponent)` bytes.
const EXPONENT_MAX: u8 = 21;

#[test]
fn the_window_that_a_zstd_frame_asks_for_is_not_given() {
    // The first use allocates the context that every use needs.
    assert_eq!(unpack(0).as_deref(), Ok(&b"hello"[..]));
    let before = peak_address_space();
    for exponent in [10, 13, 17, 20, EXPONENT_MAX] {
        assert_eq!(
            unpack(exponent).as_deref(),
            Ok(&b"hello"[..]),
            "exponent {exponent}"
        );
    }
    for exponent in [EXPONENT_MAX + 1, 31] {
        let refused = unpack(exponent).expect_err("zstd reads no window of this size");
        assert!(matches!(refused, DecompressError::Invalid { .. }), "{refused:?}");
    }
    let grown = peak_address_space() - before;
    assert!(grown <= SLACK, "{grown} bytes were mapped");
}

/// Decompresses a frame without a stated size. Its window has `1 << (10 + exponent)` bytes, its one
/// block is "hello".
fn unpack(exponent: u8) -> Result<Vec<u8>, DecompressError> {
    let frame = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0x00, exponent << 3, 5 << 3 | 1, 0, 0],
        &b"hello"[..],
    ]
    .concat();
    decompress(Codec::Zstd, &frame, 1 << 20)
}

fn peak_address_space() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux describes its processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kib = line
        .and_then(|line| line.split_whitespace().next())
        .expect("VmPeak in KiB");
    kib.parse::<usize>().expect("a number") * 1024
}
