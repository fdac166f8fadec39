//! The scenarios: each kind of fault on its own, then all at once. A test's name says what holds in spite of it.

use std::time::Duration;

use linger_core::config::Acks;
use linger_protocol::records::Compression;
use linger_sim::broker::Control;
use rstest::rstest;

use crate::random::Random;
use crate::scenario::{Closing, Scenario, explore, run, trace_hash};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn any_broker(random: &mut Random) -> i32 {
    i32::try_from(random.between(0, 2)).expect("small")
}

/// Runs `explore` under the name of the test that calls it.
macro_rules! explore {
    ($name:ident, $scenario:expr, [$($guard:expr),* $(,)?]) => {
        #[test]
        fn $name() {
            explore(stringify!($name), $scenario, &[$($guard),*]);
        }
    };
}

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

// No fault at all.

explore!(
    a_healthy_cluster_takes_every_record_once_and_in_order,
    |_| Scenario::calm(),
    [
        ("acknowledged records", 100),
        ("partial writes", 90),
        ("flushes", 50),
        ("cancelled deliveries", 90),
        ("requests of several partitions", 50),
    ]
);

explore!(
    batches_encoded_in_any_order_leave_in_theirs,
    |random| {
        let mut scenario = Scenario::calm();
        scenario.config.compression = *random.pick(&[
            Compression::Gzip { level: 6 },
            Compression::Snappy,
            Compression::Lz4 { level: 1 },
            Compression::Zstd { level: 3 },
        ]);
        scenario.config.linger = ms(1);
        scenario.workload.filler = (50, 400);
        scenario
    },
    [("acknowledged records", 100)]
);

// Faults of the brokers.

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

#[rstest]
#[case::leader_not_available(5)]
#[case::not_leader(6)]
#[case::unknown_topic(3)]
#[case::not_enough_replicas(19)]
#[case::corrupt_message(2)]
#[case::network_exception(13)]
#[case::storage_error(56)]
fn a_batch_refused_before_the_append_is_sent_again(#[case] code: i16) {
    explore(
        "a_batch_refused_before_the_append_is_sent_again",
        |_| {
            let mut scenario =
                Scenario::calm().fault(format!("produce:probability=0.15:before-append:answer={code}"));
            // Damaged bytes are sent again a few times only, so that a batch may end here.
            scenario.new_epochs_max = if code == 2 { None } else { Some(0) };
            scenario
        },
        &[("faults fired", 90), ("batches sent again", 90)],
    );
}

#[rstest]
#[case::request_timed_out(7)]
#[case::not_enough_replicas_after_append(20)]
#[case::not_leader(6)]
#[case::unknown_topic(3)]
#[case::storage_error(56)]
fn a_batch_refused_after_the_append_is_not_appended_twice(#[case] code: i16) {
    explore(
        "a_batch_refused_after_the_append_is_not_appended_twice",
        |_| {
            Scenario::calm()
                .fault(format!("produce:probability=0.1:appended:answer={code}"))
                .fault(format!("produce:probability=0.1:replicated:answer={code}"))
        },
        &[
            ("faults fired", 90),
            ("batches sent again", 90),
            ("duplicates acknowledged", 80),
        ],
    );
}

/// What ends a batch for good must not harm its successors: they go on under a new epoch.
#[rstest]
#[case::invalid_record(87)]
#[case::topic_authorization_failed(29)]
#[case::unsupported_compression(76)]
fn a_batch_that_fails_for_good_does_not_block_its_successors(#[case] code: i16) {
    explore(
        "a_batch_that_fails_for_good_does_not_block_its_successors",
        |_| {
            let mut scenario =
                Scenario::calm().fault(format!("produce:probability=0.08:before-append:answer={code}"));
            scenario.new_epochs_max = None;
            scenario
        },
        &[
            ("faults fired", 90),
            ("records not written", 90),
            ("new epochs", 80),
            ("acknowledged records", 100),
        ],
    );
}

/// The broker has forgotten, or says so.
#[rstest]
#[case::out_of_order_sequence(45)]
#[case::unknown_producer_id(59)]
#[case::invalid_producer_epoch(47)]
fn a_lost_identity_is_replaced_without_a_copy(#[case] code: i16) {
    explore(
        "a_lost_identity_is_replaced_without_a_copy",
        |_| {
            let mut scenario = Scenario::calm()
                .fault(format!("produce:probability=0.08:before-append:answer={code}"))
                .fault("produce:probability=0.05:lose");
            scenario.new_epochs_max = None;
            scenario
        },
        &[
            ("faults fired", 90),
            ("new epochs", 60),
            ("acknowledged records", 100),
        ],
    );
}

explore!(
    an_unknown_error_code_leaves_doubt_and_no_copy,
    |_| {
        let mut scenario = Scenario::calm()
            .fault("produce:probability=0.05:before-append:answer=-1")
            .fault("produce:probability=0.05:appended:answer=-1");
        scenario.new_epochs_max = None;
        scenario
    },
    [("faults fired", 90), ("answers with code -1", 90)]
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

/// Metadata that lies: the topic is gone, or has no leader, and then is back (librdkafka #3712 lost records so).
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

// Faults of the network.

explore!(
    a_frame_cut_by_a_lost_connection_is_not_written,
    |_| {
        let mut scenario = Scenario::calm();
        scenario.weather.partial_percent = 60;
        scenario.weather.cut_up = 60;
        scenario
    },
    [
        ("connections cut within a frame", 90),
        ("batches of unwritten frames", 80),
        ("batches sent again", 90)
    ]
);

explore!(
    an_answer_cut_by_a_lost_connection_is_not_appended_twice,
    |_| {
        let mut scenario = Scenario::calm();
        scenario.weather.cut_down = 80;
        scenario
    },
    [
        ("connections cut within an answer", 90),
        ("ambiguous batches", 90),
        ("duplicates acknowledged", 80)
    ]
);

explore!(
    a_connection_that_falls_silent_is_given_up,
    |_| {
        let mut scenario = Scenario::calm();
        scenario.weather.silent = 40;
        scenario
    },
    [("connections gone silent", 90), ("ambiguous batches", 80)]
);

explore!(
    a_request_that_arrives_after_its_retry_is_not_appended_twice,
    |_| {
        let mut scenario = Scenario::calm();
        (scenario.weather.late_up, scenario.weather.late_ms) = (50, (250, 900));
        scenario
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
        let mut scenario = Scenario::calm();
        (scenario.weather.late_down, scenario.weather.late_ms) = (60, (200, 600));
        scenario
    },
    [("late answers", 90), ("ambiguous batches", 60)]
);

// Leaders and brokers.

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
        scenario.new_epochs_max = None;
        scenario
    },
    [("acknowledged records", 100)]
);

// Splits, expiry, memory, close.

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
        scenario.new_epochs_max = None;
        scenario
    },
    [("records not written", 80), ("acknowledged records", 100)]
);

/// Deliveries expire: everything is slow, and the deadline is near.
fn expiring(mut scenario: Scenario) -> Scenario {
    scenario.config.delivery_timeout = ms(350);
    scenario.config.request_timeout = ms(200);
    scenario.new_epochs_max = None;
    scenario
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

explore!(
    little_memory_delays_and_loses_nothing,
    |random| {
        let mut scenario = Scenario::calm().fault("produce:probability=0.1:appended:delay=50ms");
        scenario.config.buffer_memory = 6 * 1024;
        scenario.config.max_request_size = 4 * 1024;
        scenario.workload.lanes = 8;
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

// Less than idempotence.

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

// Everything.

fn chaos(random: &mut Random) -> Scenario {
    let mut scenario = Scenario::calm()
        .fault("produce:probability=0.05:lose")
        .fault("produce:probability=0.05:appended:close")
        .fault("produce:probability=0.05:before-append:answer=6")
        .fault("produce:probability=0.05:replicated:answer=6")
        .fault("produce:probability=0.05:appended:answer=7")
        .fault("produce:probability=0.03:before-append:delay=350ms")
        .fault("metadata:probability=0.1:lose")
        .fault("init-producer-id:probability=0.1:lose");
    if random.chance(50) {
        scenario.max_message_bytes = Some(900);
        scenario.config.batch_size = 2_000;
        scenario.workload.long_percent = 0;
    }
    if random.chance(30) {
        scenario = scenario.fault("produce:probability=0.03:before-append:answer=87");
    }
    if random.chance(50) {
        scenario.config.compression = Compression::Lz4 { level: 1 };
    }
    if random.chance(30) {
        scenario = expiring(scenario);
    }
    if random.chance(30) {
        scenario.config.buffer_memory = 16 * 1024;
    }
    scenario.weather.partial_percent = 40;
    scenario.weather.cut_up = 10;
    scenario.weather.cut_down = 10;
    scenario.weather.silent = 5;
    (
        scenario.weather.late_up,
        scenario.weather.late_down,
        scenario.weather.late_ms,
    ) = (10, 10, (50, 700));
    scenario.weather.refuse_percent = 10;
    scenario.new_epochs_max = None;
    let scenario = with_stops(with_moves(scenario, 8, random), random);
    if random.chance(50) {
        with_freeze(scenario, random)
    } else {
        scenario
    }
}

explore!(
    everything_at_once_breaks_no_promise,
    chaos,
    [
        ("ambiguous batches", 90),
        ("leader moves", 95),
        ("duplicates acknowledged", 60),
        ("acknowledged records", 100)
    ]
);

#[test]
fn one_seed_is_one_story() {
    let name = "one_seed_is_one_story";
    let mut hashes = Vec::new();
    for seed in 1..=20 {
        let (first, again) = (run(name, seed, &chaos, false), run(name, seed, &chaos, false));
        assert!(first.history.entries.len() > 100, "seed {seed} tells a story");
        assert_eq!(
            trace_hash(&first),
            trace_hash(&again),
            "seed {seed} told two stories"
        );
        hashes.push(trace_hash(&first));
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 20, "different seeds tell different stories");
}
