//! What full batches are worth, said by `sim compare`'s own function.

use rstest::rstest;

use crate::compare::{self, Limit, Options};

/// The same records, sent alone and in full batches: how many times fewer bytes reach the brokers' sockets.
///
/// The factors are about three quarters of what is measured, so that they hold for any seed and still fail when full
/// batches are not compressed as a whole.
#[rstest]
#[case::gzip("gzip", 3.0)]
#[case::snappy("snappy", 2.3)]
#[case::lz4("lz4", 2.3)]
#[case::zstd("zstd", 3.0)]
fn full_batches_compress_better_than_single_records(#[case] codec: &str, #[case] factor: f64) {
    let codecs = vec![codec.parse().expect("a codec")];
    let options = Options {
        limit: Limit::First(1_200),
        codecs,
        ..Options::default()
    };
    let report = compare::compare(&options, &mut ()).expect("the comparison runs, and everything arrives");
    assert!(report.is_fair(), "{:?}", report.unfair);
    let gain = report.codec(codec).expect("the codec was compared").wire_gain();
    assert!(
        gain >= factor,
        "{codec}: full batches take {gain:.2}x fewer bytes, at least {factor}x are expected"
    );
    assert_eq!(
        report.codec("none").map(|none| none.wire_gain() < gain),
        Some(true)
    );
}
