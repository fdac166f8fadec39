//! An application's side of a record: `Producer::send`, awaited, which is ready at once.

use std::hint::black_box;
use std::time::Duration;

use linger::{Producer, Record};
use linger_sim::{Cluster, Rule};
use tokio::runtime::Builder;

use crate::{BATCH_SIZE, PARTITIONS, TIMESTAMP, TOPIC, value};

/// The cluster tells all but a producer id, so the batches stay: how many leave in a moment would
/// depend on the time.
const KEEPS_BATCHES_HERE: &str = "init-producer-id:lose";
/// Longer than any run: what the driver does when its timers ring would be counted too.
const LONG: Duration = Duration::from_secs(3_600);

/// Deliveries are dropped. A record brings its time along: what the clock says would decide how
/// long a record is.
pub(crate) fn send(records: u64) -> u64 {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let kept = runtime.block_on(async {
        let silent: Rule = KEEPS_BATCHES_HERE.parse().expect("a rule");
        let cluster = Cluster::builder()
            .brokers(1)
            .topic(TOPIC, PARTITIONS)
            .fault(silent);
        let cluster = cluster.start().await.expect("a cluster");
        let producer = Producer::builder()
            .bootstrap_servers(cluster.bootstrap())
            .batch_size(BATCH_SIZE)
            .batch_size_max(BATCH_SIZE)
            .linger(LONG)
            .request_timeout(LONG)
            .delivery_timeout(2 * LONG)
            .metadata_max_age(LONG)
            .buffer_memory(1 << 30)
            .connect()
            .await
            .expect("a producer");
        let value = value();
        let record = Record::to(TOPIC).value(&value).timestamp(TIMESTAMP);
        // Until then the topic is not known; it is one record more in both runs.
        drop(producer.send(record).await.expect("accepted"));
        for _ in 0..records {
            let delivery = producer.send(black_box(record)).await;
            drop(delivery.expect("accepted"));
        }
        assert_eq!(producer.ledger().queued, records + 1);
        (producer, cluster)
    });
    // What a producer does with the batches that it has when it ends is no part of a send.
    std::mem::forget((kept, runtime));
    records
}
