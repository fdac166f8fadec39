//! Everything at once.

use linger_protocol::records::Compression;

use super::expiry::expiring;
use super::{with_freeze, with_moves, with_stops};
use crate::exploration::{run, trace_hash};
use crate::scenario::Scenario;
use linger_testkit::random::Random;

fn chaos(random: &mut Random) -> Scenario {
    let mut scenario = Scenario::calm()
        .fault("produce:probability=0.05:lose")
        .fault("produce:probability=0.05:appended:close")
        .fault("produce:probability=0.05:before-append:answer=6")
        .fault("produce:probability=0.05:replicated:answer=6")
        .fault("produce:probability=0.05:appended:answer=7")
        .fault("produce:probability=0.03:before-append:delay=350ms")
        .fault("metadata:probability=0.1:lose")
        .fault("init-producer-id:probability=0.1:lose");
    if random.chance(50) {
        scenario.max_message_bytes = Some(900);
        scenario.config.batch_size = 2_000;
        scenario.workload.long_percent = 0;
    }
    if random.chance(30) {
        scenario = scenario.fault("produce:probability=0.03:before-append:answer=87");
    }
    if random.chance(50) {
        scenario.config.compression = Compression::Lz4 { level: 1 };
    }
    if random.chance(30) {
        scenario = expiring(scenario);
    }
    if random.chance(30) {
        scenario.config.buffer_memory = 16 * 1024;
    }
    scenario.weather.partial_percent = 40;
    scenario.weather.cut_up = 10;
    scenario.weather.cut_down = 10;
    scenario.weather.silent = 5;
    (
        scenario.weather.late_up,
        scenario.weather.late_down,
        scenario.weather.late_ms,
    ) = (10, 10, (50, 700));
    scenario.weather.refuse_percent = 10;
    scenario.new_epochs_max = None;
    let scenario = with_stops(with_moves(scenario, 8, random), random);
    if random.chance(50) {
        with_freeze(scenario, random)
    } else {
        scenario
    }
}

explore!(
    everything_at_once_breaks_no_promise,
    chaos,
    [
        ("ambiguous batches", 90),
        ("leader moves", 95),
        ("duplicates acknowledged", 60),
        ("acknowledged records", 100)
    ]
);

#[test]
fn one_seed_is_one_story() {
    let name = "one_seed_is_one_story";
    let mut hashes = Vec::new();
    for seed in 1..=20 {
        let (first, again) = (run(name, seed, &chaos, false), run(name, seed, &chaos, false));
        assert!(first.history.entries.len() > 100, "seed {seed} tells a story");
        assert_eq!(
            trace_hash(&first),
            trace_hash(&again),
            "seed {seed} told two stories"
        );
        hashes.push(trace_hash(&first));
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 20, "different seeds tell different stories");
}
