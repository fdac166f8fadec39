//! Which brokers live, and what follows for the partitions: in-sync sets and elections.

use std::time::Instant;

use linger_protocol::Str;

use crate::brokers::Process;
use crate::cluster::Cluster;
use crate::control::ControlError;
use crate::deadlines::Due;
use crate::fetch_sessions::FetchSessions;

/// Ends a broker's process. Returns whether the process was there; if it was, [`take_for_dead`]
/// must follow.
pub(crate) fn stop(cluster: &mut Cluster, broker: i32) -> Result<bool, ControlError> {
    if process(cluster, broker)? == Process::Stopped {
        return Ok(false);
    }
    fall_silent(cluster, broker, Process::Stopped);
    cluster.brokers[broker].fetch_sessions = FetchSessions::default();
    Ok(true)
}

/// The controller takes a stopped broker for dead, now or after `failover`.
pub(crate) fn take_for_dead(cluster: &mut Cluster, broker: i32, now: Instant) {
    match cluster.config.failover {
        failover if failover.is_zero() => fence(cluster, broker, now),
        failover => fence_at(cluster, broker, now + failover),
    }
}

/// Starts a stopped broker.
pub(crate) fn start(cluster: &mut Cluster, broker: i32, now: Instant) -> Result<(), ControlError> {
    if process(cluster, broker)? == Process::Stopped {
        come_back(cluster, broker, now);
    }
    Ok(())
}

/// Freezes a running broker.
pub(crate) fn freeze(cluster: &mut Cluster, broker: i32, now: Instant) -> Result<(), ControlError> {
    if process(cluster, broker)? == Process::Running {
        fall_silent(cluster, broker, Process::Frozen);
        fence_at(cluster, broker, now + cluster.config.session_timeout);
    }
    Ok(())
}

/// Lets a frozen broker go on. Returns whether the broker was frozen.
pub(crate) fn thaw(cluster: &mut Cluster, broker: i32, now: Instant) -> Result<bool, ControlError> {
    let is_frozen = process(cluster, broker)? == Process::Frozen;
    if is_frozen {
        come_back(cluster, broker, now);
    }
    Ok(is_frozen)
}

fn process(cluster: &Cluster, broker: i32) -> Result<Process, ControlError> {
    let found = cluster.brokers.get(broker);
    found
        .map(|found| found.process)
        .ok_or_else(|| ControlError::UnknownBroker {
            broker,
            brokers: cluster.brokers.count(),
        })
}

fn fall_silent(cluster: &mut Cluster, broker: i32, process: Process) {
    let silent = &mut cluster.brokers[broker];
    silent.process = process;
    if let Some(due) = silent.fence_due.take() {
        cluster.deadlines.cancel(due);
    }
    cluster.replication.break_off(broker);
}

fn fence_at(cluster: &mut Cluster, broker: i32, at: Instant) {
    if cluster.brokers.is_live(broker) {
        let due = cluster.deadlines.set(at, Due::Fence(broker));
        cluster.brokers[broker].fence_due = Some(due);
    }
}

/// Takes a silent broker for dead: other brokers lead what it led.
pub(crate) fn fence(cluster: &mut Cluster, broker: i32, now: Instant) {
    let silent = &mut cluster.brokers[broker];
    silent.fence_due = None;
    if std::mem::replace(&mut silent.is_fenced, true) {
        return;
    }
    for key in cluster.partitions.keys() {
        let brokers = &cluster.brokers;
        let replicas = &mut cluster.partitions[key].replicas;
        let epoch_before = replicas.leader_epoch();
        if !replicas.fence(broker, |broker| brokers.is_live(broker)) {
            continue;
        }
        let has_new_leader = replicas.leader_epoch() != epoch_before;
        let mut replicator = cluster.replicator(now);
        if has_new_leader {
            replicator.leader_changed(key);
        }
        replicator.settle(key);
    }
}

/// A broker that was silent goes on: it catches up, and leads the partitions that no other broker
/// could lead.
fn come_back(cluster: &mut Cluster, broker: i32, now: Instant) {
    let back = &mut cluster.brokers[broker];
    back.process = Process::Running;
    back.is_fenced = false;
    if let Some(due) = back.fence_due.take() {
        cluster.deadlines.cancel(due);
    }
    for key in cluster.partitions.keys() {
        let brokers = &cluster.brokers;
        let replicas = &mut cluster.partitions[key].replicas;
        if !replicas.holds(broker) {
            continue;
        }
        let is_leaderless = replicas.leader().is_none();
        if is_leaderless {
            replicas.elect(|broker| brokers.is_live(broker));
        }
        let mut replicator = cluster.replicator(now);
        if is_leaderless {
            replicator.leader_changed(key);
        }
        replicator.replicate(&[key]);
        replicator.settle(key);
    }
}

/// Makes another broker lead a partition.
pub(crate) fn move_leader(
    cluster: &mut Cluster,
    topic: &Str,
    partition: i32,
    to: i32,
    now: Instant,
) -> Result<(), ControlError> {
    let key = cluster.partition_key(topic, partition)?;
    if process(cluster, to)? == Process::Stopped || !cluster.brokers.is_live(to) {
        return Err(ControlError::NotAlive { broker: to });
    }
    let replicas = &mut cluster.partitions[key].replicas;
    let leader = replicas.leader().ok_or_else(|| ControlError::NoLeader {
        topic: topic.clone(),
        partition,
    })?;
    if leader == to {
        return Ok(());
    }
    if !replicas.holds(to) {
        replicas.reassign_leader(to);
    } else if replicas.in_sync().any(|broker| broker == to) {
        replicas.lead(Some(to));
    } else {
        return Err(ControlError::NotInSync { broker: to });
    }
    let mut replicator = cluster.replicator(now);
    replicator.leader_changed(key);
    replicator.settle(key);
    Ok(())
}
