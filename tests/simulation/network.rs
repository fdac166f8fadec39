//! The network between the producer and the brokers: per connection two ordered byte streams with
//! delay, a transport that takes as much as it likes of what it is given, and everything that can
//! go wrong with them.
//!
//! It knows bytes and frames' ends, not Kafka. What it tells the producer is the truth a kernel
//! would tell: a frame is written when the transport has taken its last byte, whatever becomes of
//! it afterwards.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::agenda::Agenda;
use linger_testkit::random::Random;

pub(crate) type Link = u64;

/// How likely each trouble is, and the delays. `Weather::calm()` has none.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// One way, in microseconds.
    pub(crate) delay_us: (u64, u64),
    /// Of a hundred writes, how many take only a part.
    pub(crate) partial_percent: u64,
    /// Of a thousand writes, after how many the connection breaks, at any byte.
    pub(crate) cut_up: u64,
    /// Of a thousand answers, on how many the connection breaks, at any byte.
    pub(crate) cut_down: u64,
    /// Of a thousand writes, after how many nothing passes any more and nobody is told.
    pub(crate) silent: u64,
    /// Of a thousand writes, how many arrive late (and with them all that follow).
    pub(crate) late_up: u64,
    /// Of a thousand answers, how many arrive late.
    pub(crate) late_down: u64,
    pub(crate) late_ms: (u64, u64),
    /// Of a hundred dials, how many are refused.
    pub(crate) refuse_percent: u64,
}

impl Weather {
    pub(crate) fn calm() -> Self {
        Self {
            delay_us: (50, 400),
            partial_percent: 10,
            cut_up: 0,
            cut_down: 0,
            silent: 0,
            late_up: 0,
            late_down: 0,
            late_ms: (0, 0),
            refuse_percent: 0,
        }
    }
}

/// How often each thing happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Troubles {
    pub(crate) partial_writes: u64,
    /// The connection broke with a frame begun and not finished.
    pub(crate) cut_mid_frame: u64,
    /// The connection broke with an answer on its way.
    pub(crate) cut_answers: u64,
    pub(crate) cuts: u64,
    pub(crate) silences: u64,
    pub(crate) late_requests: u64,
    pub(crate) late_answers: u64,
    pub(crate) refused: u64,
    /// Bytes arrived at a broker after the producer had given the connection up.
    pub(crate) posthumous: u64,
}

/// What the world is to bring back to [`Network::handle`] at its time.
#[derive(Debug)]
pub(crate) enum Passing {
    Writable(Link),
    Up(Link, Bytes),
    Down(Link, Bytes),
    /// The producer's end reaches the broker.
    EndUp(Link),
    /// The broker's end reaches the producer.
    EndDown(Link),
}

/// What one end notices.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Frames up to this one are wholly with the transport; `first` is the first of them that was
    /// not before.
    Written { link: Link, first: u64, last: u64 },
    /// There is something to read, or the end, at the broker.
    Readable(Link),
    /// These bytes reached the producer.
    Answer(Link, Bytes),
    /// The connection ended under the producer.
    Lost(Link),
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) weather: Weather,
    pub(crate) troubles: Troubles,
    random: Random,
    links: BTreeMap<Link, Ends>,
}

#[derive(Debug)]
struct Ends {
    broker: i32,
    /// The producer still has its end.
    client: bool,
    /// The broker still has its end.
    server: bool,
    silent: bool,
    /// Cut: what the transport still takes goes nowhere.
    broken: bool,
    outgoing: VecDeque<Outgoing>,
    /// Frames are numbered from 0; this many are wholly with the transport.
    written: u64,
    submitted: u64,
    writable_planned: bool,
    /// Taken by the transport and not yet read by the broker.
    unread: usize,
    window: usize,
    arrived: VecDeque<Bytes>,
    up_ended: bool,
    up_last: Duration,
    down_last: Duration,
}

#[derive(Debug)]
struct Outgoing {
    bytes: Bytes,
    taken: usize,
}

impl Network {
    pub(crate) fn new(weather: Weather, random: Random) -> Self {
        Self {
            weather,
            troubles: Troubles::default(),
            random,
            links: BTreeMap::new(),
        }
    }

    /// Whether a dial that reaches a listening broker is refused all the same.
    pub(crate) fn refuses(&mut self) -> bool {
        let refused = self.random.chance(self.weather.refuse_percent);
        self.troubles.refused += u64::from(refused);
        refused
    }

    pub(crate) fn open(&mut self, link: Link, broker: i32, now: Duration) {
        let window = usize::try_from(self.random.between(2_000, 60_000)).expect("small");
        let ends = Ends {
            broker,
            client: true,
            server: true,
            silent: false,
            broken: false,
            outgoing: VecDeque::new(),
            written: 0,
            submitted: 0,
            writable_planned: false,
            unread: 0,
            window,
            arrived: VecDeque::new(),
            up_ended: false,
            up_last: now,
            down_last: now,
        };
        assert!(self.links.insert(link, ends).is_none(), "a link is opened once");
    }

    /// Gives the connection a frame to write; it gets the next number on this link.
    pub(crate) fn submit(&mut self, link: Link, bytes: Bytes, agenda: &mut Agenda<impl From<Passing>>) {
        let Some(ends) = self.links.get_mut(&link).filter(|ends| ends.client) else {
            return;
        };
        ends.submitted += 1;
        ends.outgoing.push_back(Outgoing { bytes, taken: 0 });
        if !ends.writable_planned {
            ends.writable_planned = true;
            agenda.after(Duration::ZERO, Passing::Writable(link).into());
        }
    }

    /// How many whole frames the transport has taken.
    pub(crate) fn written(&self, link: Link) -> u64 {
        self.links.get(&link).map_or(0, |ends| ends.written)
    }

    pub(crate) fn handle(
        &mut self,
        passing: Passing,
        agenda: &mut Agenda<impl From<Passing>>,
    ) -> Option<Notice> {
        match passing {
            Passing::Writable(link) => self.write(link, agenda),
            Passing::Up(link, bytes) => {
                let ends = self.links.get_mut(&link)?;
                if !ends.server {
                    return None;
                }
                self.troubles.posthumous += u64::from(!ends.client);
                ends.arrived.push_back(bytes);
                Some(Notice::Readable(link))
            }
            Passing::EndUp(link) => {
                let ends = self.links.get_mut(&link).filter(|ends| ends.server)?;
                ends.up_ended = true;
                Some(Notice::Readable(link))
            }
            Passing::Down(link, bytes) => {
                let ends = self.links.get(&link)?;
                ends.client.then_some(Notice::Answer(link, bytes))
            }
            Passing::EndDown(link) => {
                let ends = self.links.get(&link)?;
                ends.client.then_some(Notice::Lost(link))
            }
        }
    }

    /// The transport takes as much as there is room for, or less, and may break on it.
    fn write(&mut self, link: Link, agenda: &mut Agenda<impl From<Passing>>) -> Option<Notice> {
        let now = agenda.now();
        let ends = self.links.get_mut(&link).filter(|ends| ends.client)?;
        ends.writable_planned = false;
        let waiting: usize = ends
            .outgoing
            .iter()
            .map(|frame| frame.bytes.len() - frame.taken)
            .sum();
        let mut room = waiting.min(ends.window.saturating_sub(ends.unread));
        if room == 0 {
            return None;
        }
        let cut = !ends.broken && self.random.next() % 1000 < self.weather.cut_up;
        if cut {
            room = usize::try_from(self.random.between(0, room as u64)).expect("it was a usize");
        } else if self.random.chance(self.weather.partial_percent) && room > 1 {
            room = usize::try_from(self.random.between(1, room as u64 - 1)).expect("it was a usize");
            self.troubles.partial_writes += 1;
        }
        let first = ends.written;
        let chunk = ends.take(room);
        let mid_frame = ends.outgoing.front().is_some_and(|frame| frame.taken > 0);
        if room < waiting && !cut {
            ends.writable_planned = true;
            let pause = Duration::from_micros(self.random.between(1, 300));
            agenda.after(pause, Passing::Writable(link).into());
        }
        if self.random.next() % 1000 < self.weather.silent {
            ends.silent = true;
            self.troubles.silences += 1;
        }
        let mut delay = self.delay();
        if self.random.next() % 1000 < self.weather.late_up {
            delay += self.lateness();
            self.troubles.late_requests += 1;
        }
        // A broken connection may lose what was on its way, or deliver it.
        let lost = cut && self.random.chance(50);
        let ends = self.links.get_mut(&link).expect("seen just now");
        if !ends.silent {
            ends.up_last = ends.up_last.max(now + delay);
            if !lost && !ends.broken && !chunk.is_empty() {
                ends.unread += chunk.len();
                agenda.at(ends.up_last, Passing::Up(link, chunk).into());
            }
        }
        let last = ends.written;
        if cut {
            self.troubles.cuts += 1;
            self.troubles.cut_mid_frame += u64::from(mid_frame);
            self.cut(link, agenda);
        }
        (last > first).then(|| Notice::Written {
            link,
            first,
            last: last - 1,
        })
    }

    /// Both ends learn, each in its time, that the connection is no more.
    fn cut(&mut self, link: Link, agenda: &mut Agenda<impl From<Passing>>) {
        let (up, down) = (self.delay(), self.delay());
        let now = agenda.now();
        let Some(ends) = self.links.get_mut(&link) else {
            return;
        };
        ends.broken = true;
        ends.up_last = ends.up_last.max(now + up);
        agenda.at(ends.up_last, Passing::EndUp(link).into());
        agenda.at(ends.down_last.max(now + down), Passing::EndDown(link).into());
    }

    /// What has arrived at the broker and was not read. Reading makes room for the producer to
    /// write.
    pub(crate) fn read(&mut self, link: Link, agenda: &mut Agenda<impl From<Passing>>) -> Option<Bytes> {
        let ends = self.links.get_mut(&link).filter(|ends| ends.server)?;
        let bytes = ends.arrived.pop_front()?;
        ends.unread -= bytes.len();
        if !ends.writable_planned && !ends.outgoing.is_empty() {
            ends.writable_planned = true;
            let pause = Duration::from_micros(self.random.between(1, 300));
            agenda.after(pause, Passing::Writable(link).into());
        }
        Some(bytes)
    }

    /// The producer's end has been reached: there is nothing more to read.
    pub(crate) fn at_end(&self, link: Link) -> bool {
        self.links
            .get(&link)
            .is_none_or(|ends| ends.arrived.is_empty() && ends.up_ended)
    }

    /// The broker answers.
    pub(crate) fn reply(&mut self, link: Link, bytes: Bytes, agenda: &mut Agenda<impl From<Passing>>) {
        let cut = self.random.next() % 1000 < self.weather.cut_down && !bytes.is_empty();
        let mut delay = self.delay();
        if self.random.next() % 1000 < self.weather.late_down {
            delay += self.lateness();
            self.troubles.late_answers += 1;
        }
        let keep = if cut {
            self.random.between(0, bytes.len() as u64 - 1)
        } else {
            bytes.len() as u64
        };
        let keep = usize::try_from(keep).expect("it was a usize");
        let split = usize::try_from(self.random.between(0, keep as u64)).expect("it was a usize");
        let Some(ends) = self.links.get_mut(&link).filter(|ends| ends.server) else {
            return;
        };
        if ends.silent || ends.broken {
            return;
        }
        ends.down_last = ends.down_last.max(agenda.now() + delay);
        for part in [bytes.slice(..split), bytes.slice(split..keep)] {
            if !part.is_empty() {
                agenda.at(ends.down_last, Passing::Down(link, part).into());
            }
        }
        if cut {
            self.troubles.cuts += 1;
            self.troubles.cut_answers += 1;
            self.cut(link, agenda);
        }
    }

    /// The broker closes its end; what it has sent arrives first, unless it resets.
    pub(crate) fn server_close(&mut self, link: Link, reset: bool, agenda: &mut Agenda<impl From<Passing>>) {
        let delay = self.delay();
        let Some(ends) = self.links.get_mut(&link).filter(|ends| ends.server) else {
            return;
        };
        ends.server = false;
        ends.arrived.clear();
        if !ends.silent {
            let at = if reset {
                agenda.now() + delay
            } else {
                ends.down_last.max(agenda.now() + delay)
            };
            agenda.at(at, Passing::EndDown(link).into());
        }
        self.forget(link);
    }

    /// The producer closes its end: what the transport has taken still arrives, the rest never
    /// left.
    pub(crate) fn client_close(&mut self, link: Link, agenda: &mut Agenda<impl From<Passing>>) {
        let delay = self.delay();
        let Some(ends) = self.links.get_mut(&link).filter(|ends| ends.client) else {
            return;
        };
        ends.client = false;
        ends.outgoing.clear();
        if ends.server && !ends.silent && !ends.broken {
            ends.up_last = ends.up_last.max(agenda.now() + delay);
            agenda.at(ends.up_last, Passing::EndUp(link).into());
        }
        self.forget(link);
    }

    fn forget(&mut self, link: Link) {
        if self
            .links
            .get(&link)
            .is_some_and(|ends| !ends.client && !ends.server)
        {
            self.links.remove(&link);
        }
    }

    /// Links of this broker whose broker end is open.
    pub(crate) fn served_by(&self, broker: i32) -> Vec<Link> {
        let of = |(&link, ends): (&Link, &Ends)| (ends.server && ends.broker == broker).then_some(link);
        self.links.iter().filter_map(of).collect()
    }

    fn delay(&mut self) -> Duration {
        Duration::from_micros(
            self.random
                .between(self.weather.delay_us.0, self.weather.delay_us.1),
        )
    }

    fn lateness(&mut self) -> Duration {
        Duration::from_millis(
            self.random
                .between(self.weather.late_ms.0, self.weather.late_ms.1),
        )
    }
}

impl Ends {
    /// Moves `room` bytes to the transport, frame after frame.
    fn take(&mut self, room: usize) -> Bytes {
        let mut chunk = Vec::with_capacity(room);
        while chunk.len() < room {
            let frame = self
                .outgoing
                .front_mut()
                .expect("room was counted from what waits");
            let part = (room - chunk.len()).min(frame.bytes.len() - frame.taken);
            chunk.extend_from_slice(&frame.bytes[frame.taken..frame.taken + part]);
            frame.taken += part;
            if frame.taken == frame.bytes.len() {
                self.outgoing.pop_front();
                self.written += 1;
            }
        }
        chunk.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Harness {
        network: Network,
        agenda: Agenda<Passing>,
        up: Vec<u8>,
        down: Vec<u8>,
        written: u64,
        lost: bool,
        ended: bool,
    }

    fn harness(seed: u64, change: impl FnOnce(&mut Weather)) -> Harness {
        let mut weather = Weather::calm();
        change(&mut weather);
        let mut network = Network::new(weather, Random::new(seed));
        network.open(1, 0, Duration::ZERO);
        Harness {
            network,
            agenda: Agenda::new(),
            up: vec![],
            down: vec![],
            written: 0,
            lost: false,
            ended: false,
        }
    }

    impl Harness {
        fn run(&mut self) {
            while let Some(at) = self.agenda.next_at() {
                self.agenda.advance(at);
                while let Some(passing) = self.agenda.due() {
                    match self.network.handle(passing, &mut self.agenda) {
                        Some(Notice::Written { first, last, .. }) => {
                            assert_eq!(first, self.written, "frames are written in order");
                            self.written = last + 1;
                        }
                        Some(Notice::Readable(_)) => {
                            while let Some(bytes) = self.network.read(1, &mut self.agenda) {
                                self.up.extend_from_slice(&bytes);
                            }
                            self.ended |= self.network.at_end(1);
                        }
                        Some(Notice::Answer(_, bytes)) => self.down.extend_from_slice(&bytes),
                        Some(Notice::Lost(_)) => self.lost = true,
                        None => {}
                    }
                }
            }
        }
    }

    fn frames() -> Vec<Bytes> {
        (1..20_u8)
            .map(|n| Bytes::from(vec![n; usize::from(n) * 300]))
            .collect()
    }

    #[test]
    fn bytes_arrive_whole_and_in_order_whatever_the_writes_were() {
        for seed in 0..50 {
            let mut harness = harness(seed, |weather| weather.partial_percent = 70);
            for frame in frames() {
                harness.network.submit(1, frame, &mut harness.agenda);
            }
            harness.run();
            assert_eq!(harness.up, frames().concat());
            assert_eq!(harness.written, 19);
            harness
                .network
                .reply(1, Bytes::from_static(b"answer"), &mut harness.agenda);
            harness.run();
            assert_eq!(harness.down, b"answer");
        }
    }

    #[test]
    fn a_frame_of_which_any_byte_arrived_late_or_never_was_not_counted_too_early() {
        let (mut cuts, mut mid) = (0, 0);
        for seed in 0..200 {
            let mut harness = harness(seed, |weather| {
                (weather.partial_percent, weather.cut_up) = (60, 150)
            });
            for frame in frames() {
                harness.network.submit(1, frame, &mut harness.agenda);
            }
            harness.run();
            let taken: usize = frames()
                .iter()
                .take(usize::try_from(harness.written).unwrap())
                .map(Bytes::len)
                .sum();
            let next = frames()
                .get(usize::try_from(harness.written).unwrap())
                .map_or(0, Bytes::len);
            assert!(frames().concat().starts_with(&harness.up));
            // Never more than the written frames and a part of the next.
            assert!(
                harness.up.len() < taken + next.max(1),
                "an unwritten frame arrived whole"
            );
            assert_eq!(harness.lost, harness.network.troubles.cuts > 0);
            assert_eq!(harness.ended, harness.lost, "both ends learn of it");
            cuts += harness.network.troubles.cuts;
            mid += harness.network.troubles.cut_mid_frame;
        }
        assert!(cuts > 100 && mid > 50, "{cuts} cuts, {mid} of them in a frame");
    }

    #[test]
    fn what_was_taken_arrives_though_the_producer_has_closed() {
        let mut harness = harness(3, |weather| {
            (weather.partial_percent, weather.late_up, weather.late_ms) = (0, 1000, (50, 50))
        });
        harness
            .network
            .submit(1, Bytes::from_static(b"posthumous"), &mut harness.agenda);
        harness.agenda.advance(Duration::from_millis(1));
        let passing = harness.agenda.due().unwrap();
        assert!(matches!(
            harness.network.handle(passing, &mut harness.agenda),
            Some(Notice::Written { .. })
        ));
        harness.network.client_close(1, &mut harness.agenda);
        harness.run();
        assert_eq!(harness.up, b"posthumous");
        assert!(harness.ended && harness.network.troubles.posthumous == 1);
    }

    #[test]
    fn a_broker_that_does_not_read_stops_the_writer_within_a_frame() {
        let mut harness = harness(4, |_| {});
        let big = Bytes::from(vec![7; 200_000]);
        harness.network.submit(1, big, &mut harness.agenda);
        while let Some(at) = harness.agenda.next_at() {
            harness.agenda.advance(at);
            while let Some(passing) = harness.agenda.due() {
                let notice = harness.network.handle(passing, &mut harness.agenda);
                assert!(matches!(notice, None | Some(Notice::Readable(_))));
            }
        }
        assert_eq!(harness.network.written(1), 0);
    }
}
