//! The simulator embedded: a cluster of brokers on TCP inside the caller's process.

use std::sync::Arc;

use linger_sim_model::fault::{Rule, RuleId, RuleReport};
use linger_sim_model::{Control, StoredBatch, StoredRecord};

use crate::error::ClusterError;
use crate::server::{BindError, Broker, ModelHandle, Phase, Timer};
use crate::stats::Stats;

/// A running cluster. It is `Send` and `Sync`; dropping it stops everything.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), linger_sim::ClusterError> {
/// use linger_sim::Cluster;
///
/// let cluster = Cluster::builder().brokers(3).topic("orders", 6).start().await?;
/// println!("connect a client to {}", cluster.bootstrap());
/// cluster.stop_broker(0).await?;
/// # Ok(())
/// # }
/// ```
pub struct Cluster {
    brokers: Vec<Broker>,
    bootstrap: String,
    model: Arc<ModelHandle>,
    _timer: Timer,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.brokers.iter().for_each(Broker::end);
    }
}

impl Cluster {
    pub(crate) fn new(bootstrap: String, model: Arc<ModelHandle>, timer: Timer) -> Self {
        Self {
            brokers: Vec::new(),
            bootstrap,
            model,
            _timer: timer,
        }
    }

    pub(crate) fn add_broker(&mut self, broker: Broker) {
        self.brokers.push(broker);
    }

    /// Where clients connect: `host:port` of every broker, separated by commas.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// How many brokers there are, stopped ones included.
    pub fn broker_count(&self) -> usize {
        self.brokers.len()
    }

    /// Kills a broker: its listener and connections are closed, and its partitions elect other
    /// leaders.
    ///
    /// # Errors
    /// If there is no such broker.
    pub async fn stop_broker(&self, id: i32) -> Result<(), ClusterError> {
        let broker = self.broker(id)?;
        self.control(Control::Stop(id))?;
        broker.stop().await;
        Ok(())
    }

    /// Starts a stopped broker again, on its old port; nothing happens to one that is not stopped.
    ///
    /// # Errors
    /// If there is no such broker, or its port was taken meanwhile.
    pub async fn start_broker(&self, id: i32) -> Result<(), ClusterError> {
        let broker = self.broker(id)?;
        if broker.phase() != Phase::Stopped {
            return Ok(());
        }
        let started = broker.restart().await;
        let brokers = self.brokers.len();
        started.map_err(|BindError { address, source }| ClusterError::Bind {
            address,
            broker: id as usize,
            brokers,
            source,
        })?;
        self.control(Control::Start(id))
    }

    /// Freezes a broker: it reads nothing more and answers nothing, while its connections stay
    /// open.
    ///
    /// # Errors
    /// If there is no such broker.
    pub async fn freeze_broker(&self, id: i32) -> Result<(), ClusterError> {
        let broker = self.broker(id)?;
        if broker.phase() == Phase::Running {
            broker.set_phase(Phase::Frozen);
            self.control(Control::Freeze(id))?;
        }
        Ok(())
    }

    /// Lets a frozen broker go on where it stood.
    ///
    /// # Errors
    /// If there is no such broker.
    pub async fn thaw_broker(&self, id: i32) -> Result<(), ClusterError> {
        let broker = self.broker(id)?;
        if broker.phase() == Phase::Frozen {
            self.control(Control::Thaw(id))?;
            broker.set_phase(Phase::Running);
        }
        Ok(())
    }

    /// Makes another replica the leader of a partition.
    ///
    /// # Errors
    /// If there is no such partition or broker, or the broker has no replica of it.
    pub async fn move_leader(&self, topic: &str, partition: i32, to: i32) -> Result<(), ClusterError> {
        self.control(Control::MoveLeader {
            topic: topic.into(),
            partition,
            to,
        })
    }

    /// Does something to the cluster's model that has no method of its own, such as creating a
    /// topic, forgetting a producer or releasing a barrier. Brokers are stopped, started, frozen
    /// and thawed by their own methods, which do it to their sockets too.
    ///
    /// # Errors
    /// If it cannot be done; nothing has changed then.
    pub fn control(&self, control: Control) -> Result<(), ClusterError> {
        self.model.control(control).map_err(ClusterError::Control)
    }

    /// Releases what is held at a barrier by the effect [`Hold`](crate::Effect::Hold).
    pub fn release(&self, barrier: &str) {
        // A barrier that nobody waits at is no error.
        let _ = self.control(Control::Release(barrier.into()));
    }

    /// The broker that leads a partition now; `None` if there is none.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.model.with_model(|model| model.leader(topic, partition))
    }

    /// The offset below which consumers may read.
    pub fn high_watermark(&self, topic: &str, partition: i32) -> Option<i64> {
        self.model
            .with_model(|model| model.high_watermark(topic, partition))
    }

    /// The batches of a partition's log as its leader has them, those not yet replicated included.
    /// No record is copied.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn batches(&self, topic: &str, partition: i32) -> Result<Vec<StoredBatch>, ClusterError> {
        let batches = self.model.with_model(|model| {
            let log = model.log(topic, partition)?;
            Some(log.batches().cloned().collect())
        });
        batches.ok_or_else(|| ClusterError::NoPartition {
            topic: topic.to_owned(),
            partition,
        })
    }

    /// The records of a partition's log, as [`Cluster::batches`] has them, decoded.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn records(&self, topic: &str, partition: i32) -> Result<Vec<StoredRecord>, ClusterError> {
        Ok(self
            .batches(topic, partition)?
            .iter()
            .flat_map(StoredBatch::decode)
            .collect())
    }

    /// Adds a fault behind the others.
    ///
    /// # Errors
    /// If there are too many.
    pub fn add_fault(&self, rule: Rule) -> Result<RuleId, ClusterError> {
        self.model
            .with_model(|model| model.add_fault(rule))
            .map_err(ClusterError::Rule)
    }

    /// Takes a fault out; its count stays. False if it is not active.
    pub fn remove_fault(&self, id: RuleId) -> bool {
        self.model.with_model(|model| model.remove_fault(id))
    }

    /// How often a fault has fired.
    pub fn fault_fired(&self, id: RuleId) -> u64 {
        self.model.with_model(|model| model.faults().fired(id))
    }

    /// What every fault has done.
    pub fn fault_reports(&self) -> Vec<RuleReport> {
        self.model
            .with_model(|model| model.faults().reports().cloned().collect())
    }

    /// What every broker's sockets have seen, summed.
    pub fn stats(&self) -> Stats {
        let mut total = Stats::default();
        for broker in &self.brokers {
            total += &broker.shared.counters.snapshot();
        }
        total
    }

    /// What one broker's sockets have seen.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn broker_stats(&self, id: i32) -> Result<Stats, ClusterError> {
        Ok(self.broker(id)?.shared.counters.snapshot())
    }

    /// Sets the counters to zero, those of connections excepted.
    pub fn reset_stats(&self) {
        self.brokers
            .iter()
            .for_each(|broker| broker.shared.counters.reset());
    }

    /// Stops everything and returns once every connection is closed.
    ///
    /// # Cancel safety
    /// If the future is dropped, everything still stops.
    pub async fn shutdown(self) {
        for broker in &self.brokers {
            broker.end();
        }
        for broker in &self.brokers {
            broker.ended().await;
        }
    }

    fn broker(&self, id: i32) -> Result<&Broker, ClusterError> {
        let found = usize::try_from(id).ok().and_then(|index| self.brokers.get(index));
        found.ok_or(ClusterError::NoBroker {
            id,
            count: self.brokers.len(),
        })
    }
}
