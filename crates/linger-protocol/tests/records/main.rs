//! Record batches compared with other implementations, and invalid bytes.

mod bombs;
mod builder;
mod codecs;
mod golden;
mod hostile;
mod iterate;
mod oracle;
mod sample;

use linger_testkit::allocator::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
