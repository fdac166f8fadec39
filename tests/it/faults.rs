//! Brokers that die, freeze, move their leaders and lose their answers, under load, over TCP.

use std::time::Duration;

use linger_sim::{Cluster, Rule};
use rstest::rstest;

use crate::support::{Load, TOPIC, producer, three_brokers};

const PARTITIONS: i32 = 6;
const RECORDS_PER_STEP: u64 = 2_000;

/// Short, since a frozen broker never answers. A request that times out on a slow machine is only sent again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// What the load does after each trouble.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// It goes on.
    GoesOn,
    /// It wants everything delivered while the trouble lasts.
    Flushes,
}

/// Sends under way all the time, with `trouble` between its parts; in the end everything must have been delivered.
async fn under_load(cluster: &Cluster, meanwhile: Meanwhile, trouble: impl AsyncFn(&Cluster, i32)) {
    let producer = producer(cluster)
        .request_timeout(REQUEST_TIMEOUT)
        .connect()
        .await
        .expect("a broker answers");
    let mut load = Load::new(PARTITIONS);
    for step in 0..6 {
        load.send(&producer, RECORDS_PER_STEP).await;
        trouble(cluster, step).await;
        if meanwhile == Meanwhile::Flushes {
            load.send(&producer, RECORDS_PER_STEP).await;
            assert_eq!(producer.flush().await.failed, 0);
        }
    }
    let sent = load.len();
    assert_eq!(load.prove(cluster).await, (sent, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_loses_nothing() {
    let cluster = three_brokers(PARTITIONS)
        .start()
        .await
        .expect("the cluster starts");
    under_load(&cluster, Meanwhile::Flushes, async |cluster, step| {
        let broker = step / 2 % 3;
        if step % 2 == 0 {
            cluster.stop_broker(broker).await.expect("there is such a broker");
        } else {
            cluster
                .start_broker(broker)
                .await
                .expect("its port is still ours");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_broker_loses_nothing() {
    let cluster = three_brokers(PARTITIONS)
        .start()
        .await
        .expect("the cluster starts");
    under_load(&cluster, Meanwhile::GoesOn, async |cluster, step| {
        let broker = step / 2 % 3;
        if step % 2 == 0 {
            cluster
                .freeze_broker(broker)
                .await
                .expect("there is such a broker");
        } else {
            cluster.thaw_broker(broker).await.expect("there is such a broker");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_leaders_loses_nothing() {
    let cluster = three_brokers(PARTITIONS)
        .start()
        .await
        .expect("the cluster starts");
    under_load(&cluster, Meanwhile::Flushes, async |cluster, step| {
        for partition in 0..PARTITIONS {
            cluster
                .move_leader(TOPIC, partition, (partition + step) % 3)
                .await
                .expect("the replica is in sync");
        }
    })
    .await;
}

#[rstest]
#[case::answer_lost_after_the_append("produce:every=5:appended:close")]
#[case::answer_lost_after_replication("produce:every=5:replicated:close")]
#[case::connection_closed_before_the_append("produce:every=4:before-append:close")]
#[case::refused_before_the_append("produce:every=4:before-append:answer=NOT_LEADER_OR_FOLLOWER")]
#[case::written_but_said_to_be_late("produce:every=5:appended:answer=REQUEST_TIMED_OUT")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_at_each_point_loses_and_doubles_nothing(#[case] rule: &str) {
    let cluster = three_brokers(PARTITIONS)
        .start()
        .await
        .expect("the cluster starts");
    let rule: Rule = rule.parse().expect("a rule");
    let id = cluster.add_fault(rule).expect("the rule makes sense");
    under_load(&cluster, Meanwhile::Flushes, async |_, _| {
        tokio::task::yield_now().await
    })
    .await;
    assert!(cluster.fault_fired(id) > 0, "the fault must have fired");
}

#[tokio::test]
async fn garbage_from_a_broker_ends_in_an_error_and_not_in_a_panic() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = linger::Producer::builder()
        .bootstrap_servers(&address)
        .max_block(Duration::from_millis(300))
        .connect()
        .await
        .expect_err("that is no Kafka broker");
    assert!(error.to_string().contains(&address), "{error}");
}
