//! Brokers with a real log: the cluster that `BOOTSTRAP` names, or a broker of Apache Kafka.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::environment::number;
use crate::workload::Workload;

const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    pub(crate) bootstrap: String,
    pub(crate) description: String,
    /// The process ids of the brokers, if they are known.
    pub(crate) pids: Vec<u32>,
    partitions: i32,
    watermarks: BaseConsumer,
    topics: Topics,
    _own: Option<ApacheKafka>,
}

/// The topic of each run.
enum Topics {
    /// An existing topic, which grows.
    Given(String),
    /// A new topic for each run, so that runs do not influence each other.
    PerRun {
        admin: AdminClient<DefaultClientContext>,
        run: u32,
    },
}

impl Cluster {
    /// A running cluster. `TOPIC` must exist there with as many partitions as the workload has.
    /// `BROKER_PIDS` has its process ids if it runs on this machine.
    pub(crate) fn given(bootstrap: String, workload: &Workload) -> Result<Self, String> {
        let topic = std::env::var("TOPIC").unwrap_or_else(|_| "bench".into());
        let pids = std::env::var("BROKER_PIDS").unwrap_or_default();
        let pids = pids.split(',').filter(|pid| !pid.is_empty()).map(|pid| {
            pid.parse()
                .map_err(|_| format!("BROKER_PIDS: {pid} is no process id"))
        });
        let mut cluster = Self::new(bootstrap, workload, Topics::Given(topic.clone()))?;
        cluster.pids = pids.collect::<Result<_, String>>()?;
        cluster.description = format!("the cluster at {}, topic {topic}", cluster.bootstrap);
        let metadata = cluster
            .watermarks
            .fetch_metadata(Some(&topic), TIMEOUT)
            .map_err(|error| error.to_string())?;
        let found = metadata
            .topics()
            .first()
            .map_or(0, |topic| topic.partitions().len());
        if found != workload.partitions as usize {
            return Err(format!(
                "topic {topic} at {} has {found} partitions and the workload {}: create it so, or set PARTITIONS",
                cluster.bootstrap, workload.partitions
            ));
        }
        Ok(cluster)
    }

    /// One broker of Apache Kafka, which ends on drop.
    pub(crate) fn start(workload: &Workload) -> Result<Self, String> {
        let own = ApacheKafka::start()?;
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &own.bootstrap)
            .create()
            .map_err(|error| error.to_string())?;
        let mut cluster = Self::new(own.bootstrap.clone(), workload, Topics::PerRun { admin, run: 0 })?;
        cluster.pids = vec![own.pid];
        cluster.description =
            "Apache Kafka, 1 broker (KRaft, 400 MiB of heap) with its default settings, a new topic for each run".into();
        cluster._own = Some(own);
        Ok(cluster)
    }

    fn new(bootstrap: String, workload: &Workload, topics: Topics) -> Result<Self, String> {
        let watermarks = ClientConfig::new()
            .set("bootstrap.servers", &bootstrap)
            .create()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            bootstrap,
            description: String::new(),
            pids: Vec::new(),
            partitions: workload.partitions,
            watermarks,
            topics,
            _own: None,
        })
    }

    pub(crate) fn begin_turn(&mut self) -> Result<String, String> {
        if let Topics::PerRun { admin, run } = &mut self.topics {
            *run += 1;
            let name = format!("bench-{run}");
            let topic = NewTopic::new(&name, self.partitions, TopicReplication::Fixed(1))
                // The files of a deleted topic are removed soon, so that the disk has those of one
                // run.
                .set("file.delete.delay.ms", "1000");
            let created = wait_for(
                admin.create_topics([&topic], &AdminOptions::new().operation_timeout(Some(TIMEOUT))),
            )?;
            created
                .map_err(|error| error.to_string())?
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
                .map_err(|(name, code)| format!("cannot create topic {name}: {code}"))?;
            self.await_leaders()?;
        }
        Ok(self.topic())
    }

    /// Waits until each partition has a leader that knows the new topic.
    fn await_leaders(&self) -> Result<(), String> {
        let topic = self.topic();
        let given_up = Instant::now() + TIMEOUT;
        loop {
            let known = self.watermarks.fetch_metadata(Some(&topic), TIMEOUT);
            let ready = known
                .map_err(|error| error.to_string())
                .and_then(|_| self.records());
            match ready {
                Ok(_) => return Ok(()),
                Err(why) if Instant::now() > given_up => return Err(why),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    pub(crate) fn end_turn(&mut self) -> Result<(), String> {
        let name = self.topic();
        if let Topics::PerRun { admin, .. } = &self.topics {
            let deleted = wait_for(
                admin.delete_topics(&[&name], &AdminOptions::new().operation_timeout(Some(TIMEOUT))),
            )?;
            deleted.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The sum of the log end offsets.
    pub(crate) fn records(&self) -> Result<u64, String> {
        let topic = self.topic();
        let mut records = 0;
        for partition in 0..self.partitions {
            let (_, end) = self
                .watermarks
                .fetch_watermarks(&topic, partition, TIMEOUT)
                .map_err(|error| format!("the end of {topic}-{partition}: {error}"))?;
            records += end as u64;
        }
        Ok(records)
    }

    fn topic(&self) -> String {
        match &self.topics {
            Topics::Given(topic) => topic.clone(),
            Topics::PerRun { run, .. } => format!("bench-{run}"),
        }
    }
}

fn wait_for<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| error.to_string())?.block_on(future))
}

/// A broker that `tests/interop/apache-kafka` has started.
struct ApacheKafka {
    /// A shell that stops the broker and removes its files when its stdin ends, which also happens
    /// when this process is killed.
    shell: Child,
    bootstrap: String,
    pid: u32,
}

impl ApacheKafka {
    fn start() -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/apache-kafka");
        let directory = Directory::new();
        let port: u16 = number("KAFKA_PORT", 19_392)?;
        let mut shell = Command::new("bash")
            .args([
                "-c",
                r#"trap '' INT; "$0" start "$1" "$2" && cat >/dev/null; "$0" stop "$1"; rm -rf "$1""#,
            ])
            .arg(script)
            .arg(&directory.0)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start tests/interop/apache-kafka: {error}"))?;
        let mut bootstrap = String::new();
        if let Some(stdout) = shell.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut bootstrap)
                .map_err(|error| error.to_string())?;
        }
        let pid = std::fs::read_to_string(directory.0.join("pid/1"))
            .ok()
            .and_then(|pid| pid.trim().parse().ok());
        match (bootstrap.trim(), pid) {
            ("", _) | (_, None) => Err("Apache Kafka did not start: it needs java and mvn, see above".into()),
            (address, Some(pid)) => Ok(Self {
                bootstrap: address.into(),
                pid,
                shell,
            }),
        }
    }
}

impl Drop for ApacheKafka {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // An error means that the shell has ended.
        let _ = self.shell.wait();
    }
}

/// The folder of the broker's files. The shell removes it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("linger-peers-kafka-{}", std::process::id())))
    }
}
