//! What the unit tests of this crate share.

use std::time::Instant;

/// The origin of a test's time, to which it adds.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had in no other way; nothing depends on which"
)]
pub(crate) fn origin() -> Instant {
    Instant::now()
}
