//! A zstd frame may ask its reader for a window of up to 2 TiB. Its memory is C's, which no Rust allocator counts, so this
//! asks the system, in a process of its own.

#![cfg(target_os = "linux")]

use linger_protocol::records::{Codec, decompress};

/// Pages are mapped in lumps, and a thread's arena with them.
const SLACK: usize = 8 << 20;

#[test]
fn the_window_that_a_zstd_frame_asks_for_is_not_given() {
    // The first use makes what every use has.
    unpack(0);
    let before = peak_address_space();
    for exponent in [10, 13, 17, 20, 21, 31] {
        unpack(exponent);
    }
    let grown = peak_address_space() - before;
    assert!(grown <= SLACK, "{grown} bytes were mapped");
}

/// Reads a frame without a stated size, whose window has `1 << (10 + exponent)` bytes and whose one block is "hello".
fn unpack(exponent: u8) {
    let frame = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0x00, exponent << 3, 5 << 3 | 1, 0, 0],
        &b"hello"[..],
    ]
    .concat();
    if let Ok(unpacked) = decompress(Codec::Zstd, &frame, 1 << 20) {
        assert_eq!(unpacked, b"hello");
    }
}

fn peak_address_space() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux describes its processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kib = line
        .and_then(|line| line.split_whitespace().next())
        .expect("VmPeak in KiB");
    kib.parse::<usize>().expect("a number") * 1024
}
