//! Record batches against what others make of them, and against bytes nobody should have sent.

mod bombs;
mod builder;
mod codecs;
mod golden;
mod hostile;
mod iterate;
mod oracle;
mod sample;
