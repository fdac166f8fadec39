//! How long something takes: distributions of delays, with a text form for the command line. Pure
//! and seeded.
//!
//! A latency is a *body*, drawn independently each time, and optionally *stalls*: moments at which
//! everything stops together, as a broker in a garbage collection does. Stalls matter more for a
//! p99 than the shape of the body, because one stall delays everything that was under way.
//!
//! | text | meaning |
//! |---|---|
//! | `5ms` | always 5 ms |
//! | `uniform:1ms..9ms` | each value between the two equally likely |
//! | `lognormal:p50=2ms,p99=40ms` | a typical service time: a body and a long right tail |
//! | `pareto:min=1ms,p99=40ms` | a heavier tail: a power law |
//! | `percentiles:p50=2ms,p90=5ms,p99=40ms` | a measured table, interpolated; above the last its value |
//! | `2ms+stall:every=1s,for=50ms` | 2 ms, and every second everything stops for 50 ms |
//!
//! `lognormal`, `pareto` and `percentiles` take `max=` (a cap), `percentiles` also `min=` (0 if not
//! given).

mod distribution;
mod error;
mod text;

pub use self::distribution::Latency;
pub use self::error::{DELAY_MAX, DurationError, LatencyError, PERCENTILES_MAX};
pub use self::text::parse_duration;
