//! The brokers, in a process of their own: this test binary once more, told by its environment to
//! serve.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PARTITIONS: &str = "LINGER_MEMORY_BROKER_PARTITIONS";
/// What the serving process writes before each answer, so that the test harness's own lines are not
/// taken for one.
const MARK: &str = "broker:";

/// A child process with one simulated broker and the topic `records`.
pub(crate) struct Broker {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    bootstrap: String,
}

impl Broker {
    /// `keeps` nothing: the brokers acknowledge and forget, unless they are to be frozen.
    pub(crate) fn start(partitions: i32, frozen_later: bool) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("the test binary has a path"))
            .args([
                "--exact",
                "broker::serves_for_another_process",
                "--nocapture",
                "--quiet",
            ])
            .env(PARTITIONS, partitions.to_string())
            .env("LINGER_MEMORY_BROKER_KEEPS", frozen_later.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test binary starts");
        let ask = child.stdin.take().expect("stdin is piped");
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut broker = Self {
            child,
            ask,
            answers,
            bootstrap: String::new(),
        };
        broker.bootstrap = broker.answer();
        broker
    }

    pub(crate) fn bootstrap(&self) -> String {
        self.bootstrap.clone()
    }

    /// How many batches have arrived.
    pub(crate) fn batches(&mut self) -> u64 {
        self.question("batches")
            .parse()
            .expect("the broker answers with a number")
    }

    /// From now on the broker reads nothing and answers nothing.
    pub(crate) fn freeze(&mut self) {
        self.question("freeze");
    }

    fn question(&mut self, question: &str) -> String {
        writeln!(self.ask, "{question}").expect("the broker listens");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(
                self.answers
                    .read_line(&mut line)
                    .expect("the broker's output is text"),
                0,
                "the broker has ended"
            );
            if let Some((_, answer)) = line.split_once(MARK) {
                return answer.trim().to_owned();
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves only when a [`Broker`] has started this process; in an ordinary run it has nothing to do.
#[test]
fn serves_for_another_process() {
    let Ok(partitions) = std::env::var(PARTITIONS) else {
        return;
    };
    let partitions = partitions.parse().expect("the number of partitions");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        let keeps = std::env::var("LINGER_MEMORY_BROKER_KEEPS").is_ok_and(|keeps| keeps == "true");
        let cluster = linger_sim::Cluster::builder()
            .brokers(1)
            .topic("records", partitions)
            .blackhole(!keeps)
            .start()
            .await
            .expect("the simulator starts");
        println!("{MARK}{}", cluster.bootstrap());
        // Blocking reads are fine here: the servers run on the runtime's other thread.
        for question in std::io::stdin().lines() {
            match question.expect("questions are text").as_str() {
                "batches" => println!("{MARK}{}", cluster.stats().batches),
                "freeze" => {
                    cluster.freeze_broker(0).await.expect("there is such a broker");
                    println!("{MARK}frozen");
                }
                other => panic!("unknown question {other}"),
            }
        }
    });
}
