//! What an application may do: send more than there is memory for, drop, flush, close.

use super::{ms, with_freeze, with_moves};
use crate::scenario::{Closing, Scenario};

explore!(
    little_memory_delays_and_loses_nothing,
    |random| {
        let mut scenario = Scenario::calm().fault("produce:probability=0.1:appended:delay=50ms");
        scenario.config.buffer_memory = 6 * 1024;
        scenario.config.max_request_size = 4 * 1024;
        scenario.workload.tasks = 8;
        scenario.workload.burst = (5, 30);
        scenario.workload.filler = (50, 200);
        with_freeze(scenario, random)
    },
    [
        ("sends that waited for memory", 90),
        ("acknowledged records", 100)
    ]
);

explore!(
    a_close_in_the_midst_of_faults_tells_every_record_its_fate,
    |random| {
        let mut scenario = Scenario::calm()
            .fault("produce:probability=0.3:lose")
            .fault("produce:probability=0.2:before-append:delay=200ms");
        scenario.closing = Closing::At {
            at: ms(random.between(5, 700)),
            within: ms(random.between(0, 150)),
        };
        scenario.new_epochs_max = None;
        scenario.recovery = None;
        with_freeze(scenario, random)
    },
    [
        ("records failed by close", 50),
        ("records possibly written, and present", 20)
    ]
);

explore!(
    dropped_deliveries_and_flushes_disturb_nobody,
    |random| {
        let mut scenario = Scenario::calm()
            .fault("produce:probability=0.1:lose")
            .fault("produce:probability=0.1:before-append:answer=6");
        scenario.workload.cancel_percent = 50;
        scenario.workload.flush_percent = 15;
        with_moves(scenario, 5, random)
    },
    [
        ("cancelled deliveries", 100),
        ("flushes", 95),
        ("faults fired", 90)
    ]
);
