//! What a producer asks before it can produce: versions, metadata, an identity.

use rstest::rstest;

use super::{ms, with_moves};
use crate::exploration::explore;
use crate::scenario::Scenario;

explore!(
    a_connection_that_cannot_be_set_up_is_dialled_again,
    |_| {
        let mut scenario = Scenario::calm()
            .fault("api-versions:probability=0.3:close")
            .fault("api-versions:probability=0.1:lose")
            .fault("produce:probability=0.1:reset");
        scenario.weather.refuse_percent = 40;
        scenario
    },
    [
        ("faults fired", 95),
        ("dials refused", 90),
        ("acknowledged records", 100)
    ]
);

explore!(
    a_slow_or_silent_metadata_answer_delays_only,
    |_| {
        Scenario::calm()
            .fault("metadata:probability=0.3:lose")
            .fault("metadata:probability=0.2:close")
            .fault("metadata:probability=0.2:delay=200ms")
            .fault("produce:probability=0.1:before-append:answer=6")
    },
    [("faults fired", 95), ("acknowledged records", 100)]
);

/// Metadata that lies: the topic is gone, or has no leader, and then is back (librdkafka #3712 lost
/// records so).
#[rstest]
#[case::unknown_topic(3)]
#[case::leader_not_available(5)]
fn a_topic_that_flickers_loses_nothing(#[case] code: i16) {
    explore(
        "a_topic_that_flickers_loses_nothing",
        |random| {
            let mut scenario = Scenario::calm()
                .fault(format!("metadata:probability=0.5:parsed:answer={code}"))
                .fault("metadata:probability=0.1:truncate=20")
                .fault("produce:probability=0.1:lose");
            scenario.config.metadata_max_age = ms(100);
            with_moves(scenario, 10, random)
        },
        &[
            ("faults fired", 95),
            ("batches sent again", 60),
            ("acknowledged records", 100),
        ],
    );
}

explore!(
    no_batch_leaves_without_an_identity,
    |_| {
        Scenario::calm()
            .fault("init-producer-id:times=2:lose")
            .fault("init-producer-id:probability=0.3:close")
            .fault("init-producer-id:probability=0.3:parsed:answer=14")
            .fault("init-producer-id:probability=0.3:delay=300ms")
    },
    [("faults fired", 95), ("acknowledged records", 100)]
);
