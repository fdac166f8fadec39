//! Responses, with their headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linger_testkit::allocator::CountingAllocator;

#[allow(dead_code, reason = "each target has one of them")]
#[path = "../../tests/support/decoders.rs"]
mod decoders;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fuzz_target!(|input: &[u8]| {
    decoders::response(input);
});
