//! counterexamples: for every check the smallest bad history, which it must flag, and the nearest
//! good one, which every check must pass. A check that cannot fail proves nothing. They lie in
//! modules as the checks do.

mod copies;
mod identity;
mod linger;
mod liveness;
mod metadata;
mod order;
mod plant;
mod presence;
mod resolution;
mod sequence;

use crate::checker::check;
use plant::Plant;

/// The counterexamples, as text.
const TEXTS: [&str; 9] = [
    include_str!("counterexamples/copies.rs"),
    include_str!("counterexamples/identity.rs"),
    include_str!("counterexamples/linger.rs"),
    include_str!("counterexamples/liveness.rs"),
    include_str!("counterexamples/metadata.rs"),
    include_str!("counterexamples/order.rs"),
    include_str!("counterexamples/presence.rs"),
    include_str!("counterexamples/resolution.rs"),
    include_str!("counterexamples/sequence.rs"),
];

/// The bad history must be flagged by the check named, the good one by none.
#[track_caller]
fn catches(check_id: &str, bad: Plant, good: Plant) {
    let (_, violations) = check(&good.history);
    let told: Vec<_> = violations
        .iter()
        .map(|violation| violation.explain(&good.history))
        .collect();
    assert!(
        told.is_empty(),
        "the good history is flagged:\n{}",
        told.join("\n")
    );
    let (_, violations) = check(&bad.history);
    let names: Vec<_> = violations.iter().map(|violation| violation.check).collect();
    let prefix = format!("{check_id} ");
    assert!(
        names.iter().any(|name| name.starts_with(&prefix)),
        "{check_id} misses the bad history; flagged: {names:?}"
    );
}

/// No check may be without a counterexample.
#[test]
fn every_check_has_a_counterexample() {
    for (name, _) in crate::checker::CHECKS {
        let id = name
            .split(' ')
            .next()
            .expect("a name starts with its id")
            .to_lowercase();
        let test = format!("\nfn {id}_");
        assert!(
            TEXTS.iter().any(|text| text.contains(&test)),
            "{name} has no counterexample"
        );
    }
}
