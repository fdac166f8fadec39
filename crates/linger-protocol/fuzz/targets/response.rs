//! Responses, with their headers.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/hostile/allocator.rs"]
mod allocator;
#[allow(dead_code, reason = "each target has one of them")]
#[path = "../../tests/support/decoders.rs"]
mod decoders;

fuzz_target!(|input: &[u8]| {
    decoders::response(input);
});
