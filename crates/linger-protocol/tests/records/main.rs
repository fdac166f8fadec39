//! Record batches against what others make of them, and against bytes nobody should have sent.

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
