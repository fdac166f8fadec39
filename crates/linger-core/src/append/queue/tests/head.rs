//! How the oldest batch leaves its queue.

use std::sync::Arc;
use std::time::Duration;

use linger_protocol::records::{HEADER_SIZE, Scratch};

use super::{STAMP, append, timed_out, try_append, values};
use crate::append::queue::PartitionQueue;
use crate::append::queue::head::{Head, Taken};
use crate::config::Config;
use crate::testing::{origin, queue};

/// The values of the batch that left.
fn left(taken: Taken) -> Vec<Vec<u8>> {
    match taken.head {
        Head::Batch(batch) => values(&batch.stamp(STAMP)),
        Head::TooLarge | Head::Nothing => panic!("{taken:?}"),
    }
}

fn take(queue: &Arc<PartitionQueue>) -> Taken {
    queue.take_head(usize::MAX, |_| true, &mut Scratch::new())
}

/// With a codec, and full at two records of 100 bytes.
fn compressed(config: &mut Config) {
    config.compression = "lz4".parse().unwrap();
    config.batch_size = 300;
}

#[test]
fn an_open_batch_leaves_only_when_it_is_due() {
    let (accumulator, queue) = queue(|_| {});
    let at = origin();
    let _delivery = append(&queue, b"a", at);
    let taken = queue.take_head(
        usize::MAX,
        |open| {
            assert_eq!((open.count, open.since, open.full), (1, at, false));
            false
        },
        &mut Scratch::new(),
    );
    assert!(matches!(taken.head, Head::Nothing) && taken.job.is_none());
    assert_eq!(taken.open_since, Some(at));
    let taken = take(&queue);
    assert_eq!(taken.open_since, None);
    let ledger = accumulator.ledger();
    assert_eq!((ledger.queued, ledger.in_flight), (0, 1));
    assert_eq!(left(taken), [b"a"]);
}

#[test]
fn an_open_batch_that_is_too_large_for_a_request_goes_on_growing() {
    let (_accumulator, queue) = queue(|_| {});
    let first = append(&queue, b"a", origin());
    let size = queue.status().open.unwrap().bytes;
    let taken = queue.take_head(size - 1, |_| true, &mut Scratch::new());
    assert!(matches!(taken.head, Head::TooLarge));
    let second = append(&queue, b"b", origin());
    assert_eq!(left(take(&queue)), [b"a", b"b"]);
    drop((first, second));
}

#[test]
fn a_batch_that_could_not_grow_leaves_first_and_whatever_is_due() {
    let (_accumulator, queue) = queue(|config| {
        config.batch_size = 300;
        config.batch_size_max = Some(300);
    });
    let at = origin();
    let later = at + Duration::from_millis(1);
    for value in [[1; 100], [2; 100]] {
        drop(append(&queue, &value, at));
    }
    drop(append(&queue, &[3; 100], later));
    let never = |_: &_| unreachable!("an older batch is there");
    let limit = HEADER_SIZE + 2 * 109;
    let taken = queue.take_head(limit - 1, never, &mut Scratch::new());
    assert!(matches!(taken.head, Head::TooLarge));
    let taken = queue.take_head(limit, never, &mut Scratch::new());
    assert_eq!(taken.open_since, Some(later));
    assert_eq!(left(taken), [[1; 100], [2; 100]]);
    assert_eq!(left(take(&queue)), [[3; 100]]);
    assert!(matches!(take(&queue).head, Head::Nothing));
}

#[test]
fn with_a_codec_a_batch_leaves_once_its_job_is_back() {
    let (_accumulator, queue) = queue(compressed);
    drop(append(&queue, b"a", origin()));
    let first = take(&queue);
    assert!(matches!(first.head, Head::Nothing));
    assert_eq!(first.open_since, None);
    drop(append(&queue, b"b", origin()));
    let second = take(&queue);
    assert!(
        matches!(second.head, Head::Nothing) && second.job.is_none(),
        "one job is out at a time"
    );
    queue.put_encoded(first.job.expect("a batch was due").run(&mut Scratch::new()));
    let taken = take(&queue);
    assert!(taken.job.is_none(), "what follows is not full");
    assert_eq!(left(taken), [b"a"]);
}

#[test]
fn with_a_codec_the_next_full_batch_is_encoded_while_the_head_leaves() {
    let (accumulator, queue) = queue(compressed);
    drop(append(&queue, b"a", origin()));
    let job = take(&queue).job.expect("a batch was due");
    let _ = try_append(&queue, &[1; 150], origin()).unwrap();
    let _ = try_append(&queue, &[1; 150], origin()).unwrap();
    assert!(queue.seal_full().is_none(), "the job before it is out");
    queue.put_encoded(job.run(&mut Scratch::new()));
    assert!(queue.seal_full().is_none(), "the batch before it is here");
    let taken = take(&queue);
    let next = taken.job.as_ref().expect("the next batch is full");
    assert_eq!((next.count(), taken.open_since), (2, None));
    let expired = queue.purge(timed_out);
    assert_eq!((expired.batches, accumulator.ledger().failed), (1, 0));
    drop(taken.job);
    assert_eq!(
        (accumulator.ledger().failed, accumulator.ledger().in_flight),
        (2, 1)
    );
}

#[test]
fn a_full_batch_is_sealed_early_only_with_a_codec() {
    let fill = |change: fn(&mut Config)| {
        let (_accumulator, queue) = queue(change);
        assert!(queue.seal_full().is_none());
        drop(append(&queue, &[0; 100], origin()));
        assert!(queue.seal_full().is_none());
        drop(append(&queue, &[0; 100], origin()));
        queue.seal_full()
    };
    assert!(fill(|config| config.batch_size = 300).is_none());
    let sealed = fill(compressed).expect("the batch is full");
    assert_eq!((sealed.job.count(), sealed.open_since), (2, None));
}
