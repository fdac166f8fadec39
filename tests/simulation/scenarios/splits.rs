//! Batches that are larger than a broker takes.

use super::{ms, with_moves};
use crate::scenario::Scenario;

fn splitting() -> Scenario {
    let mut scenario = Scenario::calm();
    scenario.max_message_bytes = Some(700);
    scenario.config.batch_size = 3_000;
    scenario.config.linger = ms(20);
    scenario.workload.filler = (0, 100);
    scenario.workload.long_percent = 0;
    scenario
}

explore!(
    a_batch_too_large_is_split_in_its_place,
    |_| splitting(),
    [("answers with code 10", 95), ("acknowledged records", 100)]
);

explore!(
    a_split_batch_is_not_appended_twice_when_answers_are_lost,
    |random| {
        let scenario = splitting()
            .fault("produce:probability=0.1:lose")
            .fault("produce:probability=0.1:appended:close")
            .fault("produce:probability=0.1:before-append:answer=6");
        with_moves(scenario, 5, random)
    },
    [
        ("answers with code 10", 95),
        ("ambiguous batches", 80),
        ("duplicates acknowledged", 60)
    ]
);

explore!(
    a_record_too_large_for_the_broker_fails_alone,
    |_| {
        let mut scenario = splitting();
        scenario.workload.filler = (0, 150);
        scenario.workload.long_percent = 5;
        scenario.with_new_epochs()
    },
    [("records not written", 80), ("acknowledged records", 100)]
);
