//! Record batches against what others make of them, and against bytes nobody should have sent.

#[path = "../hostile/allocator.rs"]
mod allocator;
mod bombs;
mod builder;
mod codecs;
mod golden;
mod hostile;
mod iterate;
mod oracle;
#[path = "../support/random.rs"]
mod random;
mod sample;
