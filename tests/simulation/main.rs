//! The producer's core against the broker model: no runtime, virtual time, one seed.
