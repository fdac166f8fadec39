//! The scenarios: each kind of fault on its own, then all at once. A test's name says what holds in
//! spite of it.

use std::time::Duration;

use linger_sim_model::Control;

use crate::scenario::Scenario;
use linger_testkit::random::Random;

/// Runs `explore` under the name of the test that calls it.
macro_rules! explore {
    ($name:ident, $scenario:expr, [$($guard:expr),* $(,)?]) => {
        #[test]
        fn $name() {
            crate::exploration::explore(stringify!($name), $scenario, &[$($guard),*]);
        }
    };
}

mod answers;
mod application;
mod brokers;
mod calm;
mod chaos;
mod expiry;
mod linger;
mod network;
mod plain;
mod questions;
mod refusals;
mod splits;

/// `count` moves of random partitions to random brokers.
fn with_moves(mut scenario: Scenario, count: u64, random: &mut Random) -> Scenario {
    for _ in 0..count {
        let &(topic, partitions) = random.pick(&scenario.workload.topics);
        let partition = i32::try_from(random.between(0, partitions as u64 - 1)).expect("small");
        let control = Control::MoveLeader {
            topic: topic.into(),
            partition,
            to: any_broker(random),
        };
        scenario = scenario.control(random.between(20, 950), control);
    }
    scenario
}

/// One broker after the other stops, and starts again after up to 300 ms.
fn with_stops(mut scenario: Scenario, random: &mut Random) -> Scenario {
    for nth in 0..3 {
        let (broker, at) = (any_broker(random), 50 + nth * 330 + random.between(0, 50));
        scenario = scenario.control(at, Control::Stop(broker));
        scenario = scenario.control(at + random.between(5, 280), Control::Start(broker));
    }
    scenario
}

/// A broker stops reading and answering for 100 to 700 ms.
fn with_freeze(scenario: Scenario, random: &mut Random) -> Scenario {
    let (broker, at) = (any_broker(random), random.between(20, 300));
    let scenario = scenario.control(at, Control::Freeze(broker));
    scenario.control(at + random.between(100, 650), Control::Thaw(broker))
}

/// Leaders that move, brokers that stop one after the other, and one that freezes.
fn with_unrest(scenario: Scenario, random: &mut Random) -> Scenario {
    let scenario = with_stops(with_moves(scenario, 15, random), random);
    with_freeze(scenario, random)
}

fn any_broker(random: &mut Random) -> i32 {
    i32::try_from(random.between(0, 2)).expect("small")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
