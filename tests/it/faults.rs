//! A producer under load while brokers die and freeze, leaders move and responses are lost.

use std::time::Duration;

use linger_sim::{Cluster, Rule};
use rstest::rstest;

use crate::support::{Load, TOPIC, TestCluster, producer, start, three_brokers};
use crate::time_limit::TimeLimit;

const PARTITIONS: i32 = 6;
const RECORDS_PER_STEP: u64 = 2_000;

/// Short, since a frozen broker never answers. A request that times out on a slow machine is only
/// sent again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// Long enough for requests to be in flight whenever a fault comes.
const ACK_LATENCY: Duration = Duration::from_millis(20);

/// How many faults a test causes.
const FAULTS: i32 = 6;

/// What the load does after each fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// The load sends on.
    SendsOn,
    /// The load waits until everything is delivered in spite of the fault.
    Flushes,
}

/// What happened while a load was sent.
#[derive(Debug, Default)]
struct Witnessed {
    /// Partitions that had another leader after a fault than before.
    leaders_moved: usize,
    /// Requests whose response never came: they were in flight when their connection ended.
    unanswered: u64,
}

async fn start_cluster() -> TestCluster {
    start(three_brokers(PARTITIONS).ack_latency(ACK_LATENCY)).await
}

/// Sends a load and causes [`FAULTS`] faults, each while records are in flight. In the end every
/// record must have been delivered.
async fn under_load(
    cluster: &Cluster,
    meanwhile: Meanwhile,
    cause_fault: impl AsyncFn(&Cluster, i32),
) -> Witnessed {
    let producer = producer(cluster)
        .request_timeout(REQUEST_TIMEOUT)
        .connect()
        .await
        .expect("a broker answers");
    let mut load = Load::new(PARTITIONS);
    let mut witnessed = Witnessed::default();
    for step in 0..FAULTS {
        load.send(&producer, RECORDS_PER_STEP).await;
        while producer.ledger().in_flight == 0 {
            load.send(&producer, 1).await;
        }
        let leaders_before = leaders(cluster);
        cause_fault(cluster, step).await;
        if meanwhile == Meanwhile::Flushes {
            load.send(&producer, RECORDS_PER_STEP).await;
            assert_eq!(producer.flush().await.failed, 0);
        }
        let pairs = leaders_before.into_iter().zip(leaders(cluster));
        witnessed.leaders_moved += pairs.filter(|(before, after)| before != after).count();
    }
    let sent = load.len();
    assert_eq!(load.prove(cluster).await, (sent, 0));
    let traffic = producer.traffic();
    witnessed.unanswered = traffic.requests - traffic.responses;
    witnessed
}

fn leaders(cluster: &Cluster) -> Vec<Option<i32>> {
    (0..PARTITIONS)
        .map(|partition| cluster.leader(TOPIC, partition))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_loses_nothing() {
    let cluster = start_cluster().await;
    let witnessed = under_load(&cluster, Meanwhile::Flushes, async |cluster, step| {
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
    assert!(
        witnessed.unanswered > 0,
        "no request was in flight: {witnessed:?}"
    );
    assert!(witnessed.leaders_moved > 0, "no leader moved: {witnessed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_broker_loses_nothing() {
    let cluster = start_cluster().await;
    under_load(&cluster, Meanwhile::SendsOn, async |cluster, step| {
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
    let cluster = start_cluster().await;
    let witnessed = under_load(&cluster, Meanwhile::Flushes, async |cluster, step| {
        for partition in 0..PARTITIONS {
            cluster
                .move_leader(TOPIC, partition, (partition + step) % 3)
                .await
                .expect("the replica is in sync");
        }
    })
    .await;
    assert!(
        witnessed.leaders_moved >= FAULTS as usize,
        "leaders did not move: {witnessed:?}"
    );
}

#[rstest]
#[case::answer_lost_after_the_append("produce:every=5:appended:close")]
#[case::answer_lost_after_replication("produce:every=5:replicated:close")]
#[case::connection_closed_before_the_append("produce:every=4:before-append:close")]
#[case::refused_before_the_append("produce:every=4:before-append:answer=NOT_LEADER_OR_FOLLOWER")]
#[case::written_but_said_to_be_late("produce:every=5:appended:answer=REQUEST_TIMED_OUT")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_at_each_point_loses_and_doubles_nothing(#[case] rule: &str) {
    let cluster = start_cluster().await;
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
    let _limit = TimeLimit::start();
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
