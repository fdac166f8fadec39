//! Deliveries that time out.

use linger_sim_model::Control;

use super::ms;
use crate::scenario::Scenario;

/// Deliveries expire: everything is slow, and the deadline is near.
pub(super) fn expiring(mut scenario: Scenario) -> Scenario {
    scenario.config.delivery_timeout = ms(350);
    scenario.config.request_timeout = ms(200);
    scenario.with_new_epochs()
}

explore!(
    what_expires_unsent_is_not_written,
    |random| {
        let mut scenario = expiring(Scenario::calm());
        let (down, up) = (random.between(0, 300), random.between(500, 900));
        for broker in 0..3 {
            scenario = scenario
                .control(down, Control::Stop(broker))
                .control(up, Control::Start(broker));
        }
        scenario
    },
    [
        ("expired records", 80),
        ("records not written", 70),
        ("acknowledged records", 100)
    ]
);

explore!(
    what_expires_in_doubt_is_never_doubled,
    |_| expiring(
        Scenario::calm()
            .fault("produce:probability=0.6:lose")
            .fault("produce:probability=0.2:before-append:delay=400ms")
    ),
    [
        ("records possibly written, and present", 80),
        ("expired records", 90),
        ("new epochs", 50)
    ]
);

explore!(
    what_expires_on_a_frozen_broker_is_never_doubled,
    |random| {
        let mut scenario = Scenario::calm();
        let (still, again) = (random.between(0, 300), random.between(600, 900));
        for broker in 0..3 {
            scenario = scenario
                .control(still, Control::Freeze(broker))
                .control(again, Control::Thaw(broker));
        }
        expiring(scenario)
    },
    [("expired records", 75), ("ambiguous batches", 50)]
);

explore!(
    what_expires_late_on_the_way_is_never_doubled,
    |_| {
        let mut scenario = expiring(Scenario::calm());
        (scenario.weather.late_up, scenario.weather.late_ms) = (150, (200, 900));
        scenario.weather.partial_percent = 60;
        scenario
    },
    [
        ("expired records", 80),
        ("bytes that arrived after the producer had closed", 70)
    ]
);
