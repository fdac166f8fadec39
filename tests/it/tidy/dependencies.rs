//! What a package may bring along.

use std::collections::BTreeSet;

use xtask::packages::{brought_along, packages};
use xtask::{read, top};

/// Runtimes, and what only a runtime or a program needs.
const RUNTIMES: [&str; 12] = [
    "async-io",
    "async-std",
    "compio",
    "futures-executor",
    "mio",
    "polling",
    "rustix",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
    "tracing",
];

/// The forbidden ones among what a package brings along outside tests.
fn forbidden(package: &str, forbidden: &[&str]) -> Vec<String> {
    let lock = read(&top().join("Cargo.lock"));
    let brought = brought_along(&packages(), &lock, package);
    assert!(!brought.is_empty(), "{package} brings nothing along");
    within(&brought, forbidden)
}

fn within(brought: &BTreeSet<String>, forbidden: &[&str]) -> Vec<String> {
    let found = brought.iter().filter(|name| forbidden.contains(&name.as_str()));
    found.cloned().collect()
}

#[test]
fn the_core_the_protocol_and_the_model_know_no_runtime() {
    for package in ["linger-core", "linger-protocol", "linger-sim-model"] {
        let found = forbidden(package, &RUNTIMES);
        assert!(found.is_empty(), "{package} brings along {found:?}");
    }
}

#[test]
fn the_simulators_library_brings_neither_the_producer_nor_a_command_line() {
    let found = forbidden(
        "linger-sim",
        &[
            "linger",
            "linger-core",
            "linger-lab",
            "clap",
            "indicatif",
            "serde",
            "serde_json",
        ],
    );
    assert!(found.is_empty(), "linger-sim brings along {found:?}");
}

#[test]
fn the_producer_does_not_bring_the_simulator() {
    let found = forbidden(
        "linger",
        &["linger-sim", "linger-sim-model", "linger-lab", "clap", "serde"],
    );
    assert!(found.is_empty(), "linger brings along {found:?}");
}

#[test]
fn only_experiments_tests_and_benches_link_the_producer_and_the_simulator() {
    let packages = packages();
    let lock = read(&top().join("Cargo.lock"));
    let both = packages.values().filter(|package| {
        let brought = match package.name.as_str() {
            // It has a Cargo.lock of its own, and is a benchmark.
            "linger-compare" | "linger-peers" => return false,
            name => brought_along(&packages, &lock, name),
        };
        brought.contains("linger") && brought.contains("linger-sim")
    });
    let both: Vec<&str> = both.map(|package| package.name.as_str()).collect();
    let allowed = ["instructions", "linger-lab", "linger-sim-cli", "workspace"];
    assert!(both.contains(&"linger-sim-cli"), "{both:?}");
    assert!(both.iter().all(|name| allowed.contains(name)), "{both:?}");
}

mod can_fail {
    use super::{RUNTIMES, forbidden, within};

    #[test]
    fn a_runtime_is_found_where_there_is_one() {
        assert!(
            forbidden("linger", &RUNTIMES).contains(&"mio".to_owned()),
            "Tokio brings mio"
        );
        assert!(forbidden("linger-sim-cli", &["linger", "clap"]).len() == 2);
    }

    #[test]
    fn a_name_is_compared_whole() {
        let brought = ["tokio-macros", "mio"].map(str::to_owned).into();
        assert_eq!(within(&brought, &["tokio", "mio"]), ["mio"]);
    }
}
