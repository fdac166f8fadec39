//! One run: the producer's core and the cluster model, joined by the simulated network, on virtual
//! time, from one seed. No thread, no runtime, no clock: the origin is one `Instant`, everything
//! else is added to it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use linger_core::append::accumulator::Accumulator;
use linger_core::append::cluster_view::ClusterView;
use linger_core::append::doorbell::Ready;
use linger_core::append::encode_job::EncodeDone;
use linger_core::config::Config;
use linger_core::ids::{BrokerId, ConnectionId};
use linger_core::send::pacing::LingerScope;
use linger_core::send::sender::Sender;
use linger_core::send::split::SplitResult;
use linger_protocol::records::Scratch;
use linger_sim_model::{ClusterModel, Control, ExamineConfig};

use crate::agenda::Agenda;
use crate::history::{Event, History, Residue, Sid, Tp};
use crate::network::{Link, Network, Notice, Passing, Troubles, Weather};
use crate::scenario::{Closing, LingerChange, Scenario, WALL_CLOCK, Whose};
use crate::servers::Servers;
use crate::shell::Shell;
use crate::task::Task;
use linger_testkit::random::Random;

/// A run that has not closed by then hangs.
const RUN_MAX: Duration = Duration::from_secs(120);
/// More happenings than this at one instant are a busy loop.
const STEPS_AT_ONCE_MAX: u32 = 20_000;

#[derive(Debug)]
pub(crate) enum Happening {
    Passing(Passing),
    Dialled(ConnectionId),
    SetupExpired(ConnectionId),
    Encoded(Box<EncodeDone>),
    Split(Box<SplitResult>),
    Driver,
    Relieve,
    PauseOver(usize),
    Serve(Link),
    Control(Control),
    Linger(LingerChange),
    Heal,
    Close(Duration),
}

impl From<Passing> for Happening {
    fn from(passing: Passing) -> Self {
        Self::Passing(passing)
    }
}

pub(crate) struct World {
    origin: Instant,
    pub(crate) agenda: Agenda<Happening>,
    pub(crate) config: Arc<Config>,
    pub(crate) history: History,
    pub(crate) network: Network,
    pub(crate) cluster: ClusterModel,
    pub(crate) examine_config: ExamineConfig,
    pub(crate) servers: Servers,
    pub(crate) shell: Shell,
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) sender: Sender,
    pub(crate) view: Arc<ClusterView>,
    pub(crate) scratch: Scratch,
    pub(crate) tasks: Vec<Task>,
    pub(crate) woken: Arc<Mutex<Vec<usize>>>,
    pub(crate) is_closed: bool,
    pub(crate) memory_waits: u64,
    scenario: Scenario,
    random: Random,
    sids: Sid,
    timestamps: Vec<i64>,
    driver_planned: bool,
    relief_planned: bool,
    /// The partitions whose linger is their own.
    own_lingers: BTreeSet<Tp>,
    closing: bool,
    healed: bool,
    verbose: bool,
}

/// A run that is over.
pub(crate) struct Finished {
    pub(crate) history: History,
    pub(crate) troubles: Troubles,
    pub(crate) memory_waits: u64,
    pub(crate) fired: Vec<u64>,
}

impl World {
    pub(crate) fn new(scenario: Scenario, seed: u64, verbose: bool) -> Self {
        let origin = origin();
        let mut random = Random::new(seed);
        let config = Arc::new(
            scenario
                .config
                .clone()
                .validate()
                .expect("the scenario's configuration is valid"),
        );
        let accumulator = Accumulator::new(config.clone());
        let sender = Sender::new(config.clone(), accumulator.clone(), random.next(), origin);
        let model_config = scenario.model_config(random.next());
        let mut cluster =
            ClusterModel::new(model_config.clone(), origin).expect("the scenario's cluster is valid");
        for rule in scenario.fault_rules() {
            cluster.add_fault(rule).expect("there is room for a few rules");
        }
        let woken = Arc::new(Mutex::new(Vec::new()));
        let scripts = scenario.workload.scripts(&mut random.fork("workload"));
        let task = |(task, script)| Task::new(task, script, woken.clone());
        let tasks: Vec<_> = scripts.into_iter().enumerate().map(task).collect();
        let network = Network::new(scenario.weather.clone(), random.fork("network"));
        let mut world = Self {
            origin,
            agenda: Agenda::new(),
            history: History::new(seed, scenario.rules(&config)),
            network,
            cluster,
            examine_config: ExamineConfig::new(&model_config),
            servers: Servers::default(),
            shell: Shell::default(),
            accumulator,
            sender,
            view: Arc::new(ClusterView::empty()),
            scratch: Scratch::default(),
            tasks,
            woken,
            is_closed: false,
            memory_waits: 0,
            scenario,
            config,
            random,
            sids: 0,
            timestamps: Vec::new(),
            driver_planned: false,
            relief_planned: false,
            own_lingers: BTreeSet::new(),
            closing: false,
            healed: false,
            verbose,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for (at, control) in std::mem::take(&mut self.scenario.controls) {
            self.agenda.at(at, Happening::Control(control));
        }
        for change in std::mem::take(&mut self.scenario.lingers) {
            self.agenda.at(change.at, Happening::Linger(change));
        }
        self.agenda.at(self.scenario.faults_until, Happening::Heal);
        if let Closing::At { at, within } = self.scenario.closing {
            self.agenda.at(at, Happening::Close(within));
        }
        for task in 0..self.tasks.len() {
            self.wake_task(task);
        }
        self.wake_driver();
    }

    /// Runs to the end: closed, everything that was on its way arrived, logs read.
    pub(crate) fn run(mut self) -> Finished {
        while !self.is_closed {
            self.settle();
            if self.closing || !self.healed || !self.tasks.iter().all(Task::is_done) {
                let next = self.next_at();
                assert!(next.is_some() && next < Some(RUN_MAX), "{}", self.stuck());
                self.agenda.advance(next.expect("asserted"));
            } else {
                self.close(self.scenario.close_within);
            }
        }
        self.settle();
        self.drain();
        self.read_out();
        let fired = self
            .cluster
            .faults()
            .reports()
            .map(|report| report.fired)
            .collect();
        Finished {
            history: self.history,
            troubles: self.network.troubles,
            memory_waits: self.memory_waits,
            fired,
        }
    }

    /// Late requests arrive, held ones are let go, followers catch up: what can still be appended
    /// is.
    fn drain(&mut self) {
        let until = self.agenda.now() + self.scenario.drain;
        loop {
            self.settle();
            let next = [
                self.agenda.next_at(),
                self.since_origin(self.cluster.poll_timeout()),
            ]
            .into_iter()
            .flatten()
            .min();
            match next {
                Some(next) if next <= until => self.agenda.advance(next),
                _ => return,
            }
        }
    }

    fn read_out(&mut self) {
        self.note_observations();
        self.read_logs();
        let ledger = self.accumulator.ledger();
        self.history.residue = Some(Residue {
            memory: self.accumulator.memory().used(),
            open_connections: self.shell.open(),
            accepted: ledger.accepted,
            acknowledged: ledger.acknowledged,
            failed: ledger.failed,
            returned: ledger.returned,
            unresolved: ledger.queued + ledger.in_flight,
        });
    }

    /// Everything that is due now, and everything that follows from it at once.
    fn settle(&mut self) {
        let mut steps = 0;
        loop {
            self.run_tasks();
            if self
                .since_origin(self.cluster.poll_timeout())
                .is_some_and(|at| at <= self.agenda.now())
            {
                let now = self.now();
                self.cluster.handle_timeout(now);
                self.run_cluster();
            } else if !self.is_closed
                && self
                    .since_origin(self.sender.poll_timeout())
                    .is_some_and(|at| at <= self.agenda.now())
            {
                let now = self.now();
                self.sender.handle_timeout(now);
                self.run_driver();
            } else if let Some(happening) = self.agenda.due() {
                self.happen(happening);
            } else {
                return;
            }
            steps += 1;
            assert!(
                steps < STEPS_AT_ONCE_MAX,
                "a busy loop at {:?}: {}",
                self.agenda.now(),
                self.stuck()
            );
        }
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.now();
        match happening {
            Happening::Passing(passing) => match self.network.handle(passing, &mut self.agenda) {
                Some(Notice::Written { link, first, last }) => self.written(link, first, last),
                Some(Notice::Readable(link)) => self.serve(link),
                Some(Notice::Answer(link, bytes)) => self.answered(link, &bytes),
                Some(Notice::Lost(link)) => self.lose(ConnectionId(link)),
                None => {}
            },
            Happening::Dialled(c) => self.dialled(c),
            Happening::SetupExpired(c) => self.setup_expired(c),
            Happening::Encoded(batch) => {
                self.sender.handle_encoded(*batch, now);
                self.wake_driver();
            }
            Happening::Split(done) => {
                self.sender.handle_split(*done, now);
                self.wake_driver();
            }
            Happening::Driver => {
                self.driver_planned = false;
                self.run_driver();
            }
            Happening::Relieve => {
                self.relief_planned = false;
                self.accumulator.memory().relieve();
                self.plan_relief();
            }
            Happening::PauseOver(task) => self.pause_over(task),
            Happening::Serve(link) => self.serve(link),
            Happening::Control(control) => self.control(control),
            Happening::Linger(change) => self.change_linger(change),
            Happening::Heal => self.heal(),
            Happening::Close(within) => self.close(within),
        }
    }

    /// One turn of the driver: all news, all actions, then sleep as the sender says, unless news
    /// came meanwhile.
    fn run_driver(&mut self) {
        if self.is_closed {
            return;
        }
        let mut news: Vec<Ready> = Vec::new();
        self.accumulator.doorbell().running();
        loop {
            while self.accumulator.doorbell().drain(&mut news) {
                for ready in news.drain(..) {
                    let now = self.now();
                    self.sender.handle_ready(ready, now);
                }
            }
            while let Some(action) = self.sender.poll_action(self.now()) {
                self.perform(action);
            }
            if self
                .accumulator
                .doorbell()
                .try_sleep(self.sender.sleep_kind(self.now()))
            {
                break;
            }
        }
        self.plan_relief();
    }

    /// The driver's task is woken and gets its turn a little later.
    pub(crate) fn wake_driver(&mut self) {
        if !self.driver_planned {
            self.driver_planned = true;
            let delay = Duration::from_micros(self.random.between(0, 40));
            self.agenda.after(delay, Happening::Driver);
        }
    }

    fn plan_relief(&mut self) {
        if !self.relief_planned && self.accumulator.memory().relief_wanted() {
            self.relief_planned = true;
            self.agenda.after(Duration::from_millis(1), Happening::Relieve);
        }
    }

    /// A linger changes, for the batches that are open too. What is not known yet cannot have a
    /// linger of its own.
    fn change_linger(&mut self, change: LingerChange) {
        let LingerChange { whose, linger, .. } = change;
        let mut partitions = Vec::new();
        for topic in self.view.topics() {
            partitions.extend(topic.partitions.iter().map(|partition| {
                let tp = Tp::new(&topic.name, partition.queue.partition());
                (tp, partition.queue.id(), partition.leader)
            }));
        }
        let scope = match &whose {
            Whose::Partition(tp) => {
                partitions.retain(|(known, ..)| known == tp);
                let Some((_, id, _)) = partitions.first() else {
                    return;
                };
                self.own_lingers.insert(tp.clone());
                LingerScope::Partition(*id)
            }
            Whose::Broker(broker) => {
                let id = BrokerId(*broker);
                partitions.retain(|(tp, _, leader)| *leader == Some(id) && !self.own_lingers.contains(tp));
                LingerScope::Broker(id)
            }
        };
        for (tp, ..) in partitions {
            self.record(Event::LingerChanged { tp, linger });
        }
        self.sender.handle_linger(scope, linger);
        self.wake_driver();
    }

    fn heal(&mut self) {
        self.trace(|| "healed".to_owned());
        self.network.weather = Weather::calm();
        for control in self.scenario.healing() {
            self.control(control);
        }
        self.healed = true;
        self.record(Event::Healed);
    }

    fn close(&mut self, within: Duration) {
        self.closing = true;
        self.record(Event::CloseInvoked { within });
        self.accumulator.close();
        let now = self.now();
        self.sender.handle_close(now + within, now);
        self.wake_driver();
        for task in 0..self.tasks.len() {
            self.wake_task(task);
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    fn next_at(&self) -> Option<Duration> {
        let timers = [self.sender.poll_timeout(), self.cluster.poll_timeout()];
        timers
            .into_iter()
            .map(|at| self.since_origin(at))
            .chain([self.agenda.next_at()])
            .flatten()
            .min()
    }

    fn stuck(&self) -> String {
        let waiting: Vec<_> = self.tasks.iter().map(Task::describe).collect();
        format!(
            "the run does not end; tasks: {waiting:?}; closing {}; {:?}",
            self.closing,
            self.accumulator.ledger()
        )
    }

    /// The instant that virtual time stands at.
    pub(crate) fn now(&self) -> Instant {
        self.origin + self.agenda.now()
    }

    fn since_origin(&self, at: Option<Instant>) -> Option<Duration> {
        at.map(|at| at.saturating_duration_since(self.origin))
    }

    /// Milliseconds since 1970.
    pub(crate) fn wall_clock(&self) -> i64 {
        WALL_CLOCK + i64::try_from(self.agenda.now().as_millis()).expect("runs are short")
    }

    pub(crate) fn next_sid(&mut self) -> Sid {
        self.timestamps.push(self.wall_clock());
        self.sids += 1;
        self.sids
    }

    /// When the record was sent, by the wall clock.
    pub(crate) fn timestamp_of(&self, sid: Sid) -> i64 {
        self.timestamps[sid as usize - 1]
    }

    /// How long one hand-over within a process takes.
    pub(crate) fn step(&mut self) -> Duration {
        Duration::from_micros(self.random.between(1, 200))
    }

    /// How long a codec's job takes: jobs end in any order.
    pub(crate) fn codec_time(&mut self) -> Duration {
        Duration::from_micros(self.random.between(1, 3_000))
    }

    pub(crate) fn record(&mut self, event: Event) {
        self.trace(|| format!("{event:?}"));
        self.history.push(self.agenda.now(), event);
    }

    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if self.verbose {
            println!("{:>12.6} {}", self.agenda.now().as_secs_f64(), line());
        }
    }
}

/// The one look at a clock; only differences to it matter.
fn origin() -> Instant {
    Instant::now()
}
