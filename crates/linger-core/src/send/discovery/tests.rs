//! Topics and leaders that change.

mod leaders;
mod topics;
