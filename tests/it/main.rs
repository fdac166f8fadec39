//! The producer against the simulator over TCP, and what outside witnesses say of both.
