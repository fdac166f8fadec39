//! What the tests of several packages share. Nothing here knows the producer or the simulator.
//!
//! | module | for |
//! |---|---|
//! | [`client`] | a client on Tokio that sends the bytes it is given and checks nothing |
//! | [`blocking`] | the same on a blocking socket, for tests without a runtime |
//! | [`proxy`] | a TCP proxy that cuts connections after a number of bytes |
//! | [`allocator`] | an allocator that counts what a thread or the process asks for |
//! | [`random`] | a seeded generator |

pub mod allocator;
#[cfg(feature = "net")]
pub mod blocking;
#[cfg(feature = "net")]
pub mod client;
#[cfg(doctest)]
mod documents;
#[cfg(feature = "net")]
pub mod proxy;
pub mod random;
