//! Answers that do not come, or late, or in part, and what became of the request.

use std::time::Duration;

use super::with_moves;
use crate::scenario::Scenario;

explore!(
    a_lost_answer_after_the_append_is_not_appended_twice,
    |_| Scenario::calm().fault("produce:probability=0.15:lose"),
    [
        ("faults fired", 90),
        ("ambiguous batches", 90),
        ("batches sent again", 90),
        ("duplicates acknowledged", 80)
    ]
);

explore!(
    a_connection_closed_after_the_append_is_not_appended_twice,
    |_| Scenario::calm()
        .fault("produce:probability=0.1:appended:close")
        .fault("produce:probability=0.1:replicated:reset"),
    [
        ("faults fired", 90),
        ("ambiguous batches", 90),
        ("duplicates acknowledged", 80)
    ]
);

explore!(
    a_request_closed_on_before_the_append_is_sent_again,
    |_| Scenario::calm()
        .fault("produce:probability=0.1:accepted:close")
        .fault("produce:probability=0.1:before-append:reset"),
    [
        ("faults fired", 90),
        ("ambiguous batches", 90),
        ("batches sent again", 90)
    ]
);

explore!(
    an_answer_later_than_the_request_timeout_is_not_appended_twice,
    |_| Scenario::calm().fault("produce:probability=0.1:replying:delay=450ms"),
    [
        ("faults fired", 90),
        ("ambiguous batches", 80),
        ("duplicates acknowledged", 70)
    ]
);

explore!(
    a_request_appended_after_the_producer_gave_it_up_is_not_appended_twice,
    |_| Scenario::calm().fault("produce:probability=0.1:before-append:delay=450ms"),
    [
        ("faults fired", 90),
        ("ambiguous batches", 80),
        ("batches sent again", 80)
    ]
);

explore!(
    an_answer_cut_in_the_middle_is_not_appended_twice,
    |_| Scenario::calm().fault("produce:probability=0.1:truncate=11"),
    [
        ("faults fired", 90),
        ("ambiguous batches", 80),
        ("duplicates acknowledged", 80)
    ]
);

explore!(
    a_throttled_producer_loses_nothing,
    |_| Scenario::calm().fault("produce:probability=0.1:throttle=150ms"),
    [("faults fired", 90), ("acknowledged records", 100)]
);

explore!(
    a_full_window_keeps_its_order,
    |random| {
        let mut scenario = Scenario::calm()
            .fault("produce:probability=0.05:before-append:answer=6")
            .fault("produce:probability=0.05:appended:answer=7")
            .fault("produce:probability=0.05:replicated:close")
            .fault("produce:probability=0.02:lose");
        scenario.config.linger = Duration::ZERO;
        scenario.config.batch_size = 200;
        scenario.config.batch_size_max = Some(400);
        scenario.ack_latency = "uniform:3ms..20ms";
        scenario.workload.topics = vec![("orders", 2)];
        scenario.workload.filler = (20, 120);
        scenario.workload.pause_ms = (0, 30);
        scenario.workload.burst = (1, 4);
        with_moves(scenario, 5, random)
    },
    [
        ("faults fired", 90),
        ("full windows", 50),
        ("answers with code 45", 50),
        ("duplicates acknowledged", 80),
    ]
);
