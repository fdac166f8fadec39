//! The documents whose code rustdoc compiles as tests of this crate.

#[doc = include_str!("../../../README.md")]
struct Readme;

#[doc = include_str!("../../../CONTRIBUTING.md")]
struct Contributing;

#[doc = include_str!("../../../crates/linger/README.md")]
struct Linger;

#[doc = include_str!("../../../crates/linger-core/README.md")]
struct LingerCore;

#[doc = include_str!("../../../crates/linger-protocol/README.md")]
struct LingerProtocol;

#[doc = include_str!("../../../sim/README.md")]
struct LingerSim;

#[doc = include_str!("../../../sim/model/README.md")]
struct LingerSimModel;

#[doc = include_str!("../../../crates/linger-lab/README.md")]
struct LingerLab;
