//! Answers with an error code, by what the code means.

use rstest::rstest;

use crate::exploration::explore;
use crate::scenario::Scenario;

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
            Scenario::calm()
                .fault(format!("produce:probability=0.08:before-append:answer={code}"))
                .with_new_epochs()
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
            Scenario::calm()
                .fault(format!("produce:probability=0.08:before-append:answer={code}"))
                .fault("produce:probability=0.05:lose")
                .with_new_epochs()
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
        Scenario::calm()
            .fault("produce:probability=0.05:before-append:answer=-1")
            .fault("produce:probability=0.05:appended:answer=-1")
            .with_new_epochs()
    },
    [("faults fired", 90), ("answers with code -1", 90)]
);
