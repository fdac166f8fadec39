//! Faults of the network.

use crate::scenario::Scenario;

explore!(
    a_frame_cut_by_a_lost_connection_is_not_written,
    |_| {
        Scenario::calm().with(|scenario| {
            scenario.weather.partial_percent = 60;
            scenario.weather.cut_up = 60;
        })
    },
    [
        ("connections cut within a frame", 90),
        ("batches of unwritten frames", 80),
        ("batches sent again", 90)
    ]
);

explore!(
    an_answer_cut_by_a_lost_connection_is_not_appended_twice,
    |_| Scenario::calm().with(|scenario| scenario.weather.cut_down = 80),
    [
        ("connections cut within an answer", 90),
        ("ambiguous batches", 90),
        ("duplicates acknowledged", 80)
    ]
);

explore!(
    a_connection_that_falls_silent_is_given_up,
    |_| Scenario::calm().with(|scenario| scenario.weather.silent = 40),
    [("connections gone silent", 90), ("ambiguous batches", 80)]
);

explore!(
    a_request_that_arrives_after_its_retry_is_not_appended_twice,
    |_| {
        Scenario::calm().with(|scenario| {
            (scenario.weather.late_up, scenario.weather.late_ms) = (50, (250, 900));
        })
    },
    [
        ("late requests", 90),
        ("bytes that arrived after the producer had closed", 70),
        ("batches sent again", 80)
    ]
);

explore!(
    an_answer_that_arrives_late_is_not_appended_twice,
    |_| {
        Scenario::calm().with(|scenario| {
            (scenario.weather.late_down, scenario.weather.late_ms) = (60, (200, 600));
        })
    },
    [("late answers", 90), ("ambiguous batches", 60)]
);
