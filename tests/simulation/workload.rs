//! What the application does: tasks that send in turn, each with its own script, drawn from the
//! seed.

use std::time::Duration;

use linger_testkit::random::Random;

/// The shape of a workload.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// Topics and their partitions.
    pub(crate) topics: Vec<(&'static str, i32)>,
    pub(crate) tasks: u32,
    /// Per task.
    pub(crate) records: u32,
    /// Bytes of filler of a record, most of the time.
    pub(crate) filler: (u64, u64),
    /// Of a hundred records, how many are ten times as long.
    pub(crate) long_percent: u64,
    /// Of a hundred records, how many name their partition; half of the others have a key.
    pub(crate) partition_percent: u64,
    /// Of a hundred deliveries, how many the application drops.
    pub(crate) cancel_percent: u64,
    /// Of a hundred records, after how many the task flushes.
    pub(crate) flush_percent: u64,
    /// Of a hundred records, after how many the task waits for all it has sent.
    pub(crate) await_percent: u64,
    /// Records sent at once before a pause.
    pub(crate) burst: (u64, u64),
    pub(crate) pause_ms: (u64, u64),
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            topics: vec![("orders", 3), ("audit", 2)],
            tasks: 4,
            records: 40,
            filler: (0, 120),
            long_percent: 10,
            partition_percent: 40,
            cancel_percent: 5,
            flush_percent: 2,
            await_percent: 3,
            burst: (1, 12),
            pause_ms: (0, 60),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send {
        topic: &'static str,
        partition: Option<i32>,
        key: Option<Vec<u8>>,
        filler: u32,
        then_drop: bool,
    },
    Pause(Duration),
    Flush,
    AwaitAll,
}

impl Workload {
    /// One script per task.
    pub(crate) fn scripts(&self, random: &mut Random) -> Vec<Vec<Step>> {
        (0..self.tasks).map(|_| self.script(random)).collect()
    }

    fn script(&self, random: &mut Random) -> Vec<Step> {
        let mut steps = vec![self.pause(random)];
        let mut burst = random.between(self.burst.0, self.burst.1);
        for _ in 0..self.records {
            steps.push(self.send(random));
            burst -= 1;
            if random.chance(self.flush_percent) {
                steps.push(Step::Flush);
            }
            if random.chance(self.await_percent) {
                steps.push(Step::AwaitAll);
            }
            if burst == 0 {
                burst = random.between(self.burst.0, self.burst.1);
                steps.push(self.pause(random));
            }
        }
        steps.push(Step::AwaitAll);
        steps
    }

    fn pause(&self, random: &mut Random) -> Step {
        Step::Pause(Duration::from_millis(
            random.between(self.pause_ms.0, self.pause_ms.1),
        ))
    }

    fn send(&self, random: &mut Random) -> Step {
        let &(topic, partitions) = random.pick(&self.topics);
        let last = u64::try_from(partitions - 1).expect("a topic has a partition");
        let (mut partition, mut key) = (None, None);
        if random.chance(self.partition_percent) {
            partition = Some(i32::try_from(random.between(0, last)).expect("a partition is an i32"));
        } else if random.chance(50) {
            key = Some(format!("key-{}", random.between(0, 20)).into_bytes());
        }
        let factor = if random.chance(self.long_percent) { 10 } else { 1 };
        let filler = random.between(self.filler.0, self.filler.1) * factor;
        let filler = u32::try_from(filler).expect("records are small");
        Step::Send {
            topic,
            partition,
            key,
            filler,
            then_drop: random.chance(self.cancel_percent),
        }
    }
}
