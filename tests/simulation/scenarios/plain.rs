//! Less than idempotence.

use linger_core::config::Acks;

use crate::scenario::Scenario;

fn plain(acks: Acks, max_in_flight: usize) -> Scenario {
    let mut scenario = Scenario::calm();
    scenario.config.enable_idempotence = false;
    scenario.config.acks = acks;
    scenario.config.max_in_flight = max_in_flight;
    scenario
}

explore!(
    without_idempotence_only_the_ambiguous_may_be_doubled,
    |_| plain(Acks::All, 5)
        .fault("produce:probability=0.1:lose")
        .fault("produce:probability=0.1:before-append:answer=6"),
    [("ambiguous batches", 80), ("batches sent again", 90)]
);

explore!(
    without_idempotence_one_in_flight_keeps_the_order,
    |_| plain(Acks::All, 1)
        .fault("produce:probability=0.1:lose")
        .fault("produce:probability=0.1:before-append:answer=6"),
    [("ambiguous batches", 80), ("batches sent again", 90)]
);

explore!(
    acks_of_the_leader_alone_are_kept_while_it_lives,
    |_| plain(Acks::Leader, 5).fault("produce:probability=0.1:before-append:answer=6"),
    [("batches sent again", 80), ("acknowledged records", 100)]
);

explore!(
    without_acks_a_record_is_delivered_when_it_is_written,
    |_| plain(Acks::None, 5),
    [("acknowledged records", 100)]
);
