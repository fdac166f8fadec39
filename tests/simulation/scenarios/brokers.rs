//! Leaders that move, and brokers that stop, freeze or forget.

use linger_sim_model::Control;

use super::{with_freeze, with_moves, with_stops, with_unrest};
use crate::scenario::Scenario;

explore!(
    order_is_kept_when_leaders_move,
    |random| with_moves(Scenario::calm(), 25, random),
    [
        ("leader moves", 95),
        ("requests in flight when their leader moved", 25),
        ("answers with code 6", 60)
    ]
);

explore!(
    order_is_kept_when_leaders_move_with_slow_replicas,
    |random| {
        let scenario = Scenario::calm()
            .fault("produce:probability=0.3:appended:delay=40ms")
            .fault("produce:probability=0.1:before-append:delay=60ms");
        with_moves(scenario, 40, random)
    },
    [
        ("requests in flight when their leader moved", 80),
        ("leader moves", 95)
    ]
);

explore!(
    slow_followers_and_several_connections_lose_and_reorder_nothing,
    |random| {
        let mut scenario = Scenario::calm()
            .fault("produce:probability=0.05:lose")
            .fault("produce:probability=0.03:appended:close")
            .fault("produce:probability=0.05:before-append:delay=20ms");
        scenario.ack_latency = "uniform:3ms..12ms";
        with_unrest(scenario, random)
    },
    [
        ("requests beside another connection's", 80),
        ("requests in flight when their leader moved", 80),
        ("duplicates acknowledged", 80),
        ("acknowledged records", 100)
    ]
);

explore!(
    followers_that_fetch_a_batch_at_a_time_lose_nothing,
    |random| {
        let mut scenario = Scenario::calm()
            .fault("produce:probability=0.1:lose")
            .fault("produce:probability=0.1:appended:delay=20ms");
        scenario.fetch_max_bytes = Some(0);
        scenario.ack_latency = "uniform:2ms..15ms";
        with_unrest(scenario, random)
    },
    [
        ("requests of several partitions", 80),
        ("requests in flight when their leader moved", 80),
        ("truncations", 80),
        ("duplicates acknowledged", 80)
    ]
);

explore!(
    a_stopped_broker_loses_nothing,
    |random| with_stops(Scenario::calm(), random),
    [
        ("leader moves", 90),
        ("connections ended", 95),
        ("acknowledged records", 100)
    ]
);

explore!(
    a_frozen_broker_loses_nothing,
    |random| with_freeze(Scenario::calm(), random),
    [("ambiguous batches", 50), ("acknowledged records", 100)]
);

explore!(
    a_broker_that_forgets_its_producers_gets_no_copy,
    |random| {
        let mut scenario = Scenario::calm();
        for _ in 0..4 {
            scenario = scenario.control(
                random.between(100, 900),
                Control::ForgetProducer { producer_id: 0 },
            );
        }
        scenario.with_new_epochs()
    },
    [("acknowledged records", 100)]
);
