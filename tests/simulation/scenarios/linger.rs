//! Lingers that differ, and change while batches are open.

use std::time::Duration;

use super::ms;
use crate::history::Tp;
use crate::scenario::{LingerChange, Scenario, Whose};
use linger_testkit::random::Random;

/// Every partition and every broker gets a linger of its own now and then.
fn changing(random: &mut Random) -> Scenario {
    let mut scenario = Scenario::calm();
    scenario.config.linger = ms(30);
    scenario.workload.flush_percent = 0;
    scenario.workload.burst = (1, 4);
    scenario.workload.long_percent = 0;
    for _ in 0..150 {
        let whose = if random.chance(30) {
            Whose::Broker(i32::try_from(random.between(0, 2)).expect("small"))
        } else {
            let &(topic, partitions) = random.pick(&scenario.workload.topics);
            let last = u64::try_from(partitions - 1).expect("a topic has a partition");
            let partition = i32::try_from(random.between(0, last)).expect("small");
            Whose::Partition(Tp::new(topic, partition))
        };
        scenario.lingers.push(LingerChange {
            at: Duration::from_micros(random.between(50_000, 1_500_000)),
            whose,
            linger: ms(*random.pick(&[0, 1, 5, 20, 40, 90])),
        });
    }
    scenario
}

explore!(
    no_batch_outstays_its_linger_however_it_changes,
    changing,
    [
        ("acknowledged records", 100),
        ("lingers that shrank while a batch was open", 90),
        ("lingers that grew while a batch was open", 75),
    ]
);
