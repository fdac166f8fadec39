//! Fault rules: what goes wrong, at which requests, and when.
//!
//! A rule is a match, a trigger, a point and an effect. The model asks [`Faults::decide`] at each
//! [`Point`] that a request passes. The first rule that matches and fires there decides. Every rule
//! counts how often it fired, because a test whose fault never fired proves nothing. Rules are pure
//! and draw random numbers from the cluster's seed only.
//!
//! The text form of a rule is a list of words separated by colons. The effect is the last word. A
//! word that is left out matches everything:
//!
//! ```text
//! [API] [:topic=T] [:partition=N] [:broker=N] [:client=ID] [:connection=N] [:version=N] [:window=FROM..TO]
//!       [:nth=N | :times=N | :every=N | :probability=P] [:POINT] :EFFECT
//! ```
//!
//! | text | meaning |
//! |---|---|
//! | `produce:nth=3:appended:lose` | the third produce request is appended, and its answer is lost |
//! | `produce:topic=orders:times=2:answer=NOT_LEADER_OR_FOLLOWER` | the first two appends to `orders` are refused |
//! | `broker=1:every=100:close` | broker 1 closes the connection instead of every hundredth answer |
//! | `fetch:probability=0.1:delay=250ms` | a tenth of the fetches wait 250 ms |
//! | `window=10s..20s:produce:throttle=1s` | answers to produce requests announce a throttle of 1 s for ten seconds |

mod api_name;
mod context;
mod effect;
mod error;
mod faults;
mod point;
mod rule;
mod text;
mod value;

pub use self::context::Context;
pub use self::effect::Effect;
pub use self::error::{RULES_MAX, RuleError};
pub use self::faults::{Faults, RuleId, RuleReport};
pub use self::point::Point;
pub use self::rule::{Matcher, Rule, RuleBuilder, Trigger};
