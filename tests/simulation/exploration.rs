//! How many seeds of a scenario are run, judged and counted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::checker::{CHECKS, check};
use crate::coverage::Coverage;
use crate::scenario::Scenario;
use crate::world::{Finished, World};
use linger_testkit::random::{Random, hash};

/// Seeds per scenario, unless `SEEDS` says otherwise.
const SEEDS: u64 = 200;
/// With fewer runs a rare happening may fail to happen without anything being wrong.
const SEEDS_FOR_GUARDS: u64 = 100;

/// What must have happened over all runs: the name of a count, and in how many of a hundred runs at
/// least.
pub(crate) type Guard = (&'static str, u64);

/// Runs a scenario for many seeds (or for the one in `SEED`, telling what happens), judges every
/// run, and makes sure that what the scenario is about did happen.
pub(crate) fn explore(name: &str, scenario: impl Fn(&mut Random) -> Scenario, guards: &[Guard]) {
    if let Some(seed) = number("SEED") {
        println!("{name}, seed {seed}");
        let (_, coverage) = judge(name, seed, &scenario, true);
        println!("{}", coverage.table());
        return;
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let mut coverage = Coverage::default();
    let mut judged = vec![0; CHECKS.len()];
    for seed in 1..=seeds {
        let run = catch_unwind(AssertUnwindSafe(|| judge(name, seed, &scenario, false)));
        let (counts, run) = match run {
            Ok(run) => run,
            Err(panic) => {
                let test = name;
                eprintln!("replay with: SEED={seed} cargo test --test simulation {test} -- --nocapture");
                std::panic::resume_unwind(panic);
            }
        };
        coverage.merge(run);
        for (sum, count) in judged.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    println!("{name}: {}", coverage.table());
    for ((check, _), count) in CHECKS.iter().zip(&judged) {
        println!("  {check:<60} {count:>9}");
    }
    if seeds >= SEEDS_FOR_GUARDS {
        for (what, percent) in guards {
            let found = coverage.percent(what);
            assert!(
                found >= *percent,
                "{name}: {what:?} in {found} % of the runs, at least {percent} % expected"
            );
        }
    }
}

/// Runs one seed and judges it. Panics, naming the check and its witnesses, if a promise was
/// broken.
fn judge(
    name: &str,
    seed: u64,
    scenario: &impl Fn(&mut Random) -> Scenario,
    verbose: bool,
) -> (Vec<usize>, Coverage) {
    let finished = run(name, seed, scenario, verbose);
    let (judged, violations) = check(&finished.history);
    let told: Vec<_> = violations
        .iter()
        .map(|violation| violation.explain(&finished.history))
        .collect();
    assert!(
        told.is_empty(),
        "seed {seed} breaks a promise\n{}",
        told.join("\n")
    );
    let mut coverage = Coverage::of(&finished.history);
    let troubles = &finished.troubles;
    coverage.add("partial writes", troubles.partial_writes);
    coverage.add("connections cut", troubles.cuts);
    coverage.add("connections cut within a frame", troubles.cut_mid_frame);
    coverage.add("connections cut within an answer", troubles.cut_answers);
    coverage.add("connections gone silent", troubles.silences);
    coverage.add("late requests", troubles.late_requests);
    coverage.add("late answers", troubles.late_answers);
    coverage.add("dials refused", troubles.refused);
    coverage.add(
        "bytes that arrived after the producer had closed",
        troubles.posthumous,
    );
    coverage.add("sends that waited for memory", finished.memory_waits);
    coverage.add("faults fired", finished.fired.iter().sum());
    (judged, coverage)
}

pub(crate) fn run(
    name: &str,
    seed: u64,
    scenario: &impl Fn(&mut Random) -> Scenario,
    verbose: bool,
) -> Finished {
    let mut random = Random::new(seed ^ hash(name.as_bytes()));
    let scenario = scenario(&mut random);
    World::new(scenario, random.next(), verbose).run()
}

/// Everything that happened in a run, in one number.
pub(crate) fn trace_hash(finished: &Finished) -> u64 {
    hash(format!("{:?}", finished.history).as_bytes())
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
    )
}
