//! Who has replicated how much of a partition: leader, followers, in-sync set, high watermark,
//! elections.
//!
//! A follower's log is always a prefix of its leader's log, so a replica is one number: its log
//! end. Records that only the leader has are lost when another replica is elected. `fetchers`
//! decides when followers fetch. The rules are those of `Partition.scala` in Apache Kafka.

use std::time::{Duration, Instant};

/// One replica as its leader sees it.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) broker: i32,
    /// Log end offset, of a follower as far as the leader knows.
    pub(crate) end: i64,
    /// When it last had all that the leader had.
    pub(crate) caught_up: Instant,
    pub(crate) in_sync: bool,
}

/// A follower's fetch as it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FollowerFetch {
    pub(crate) began: Instant,
    /// The leader's log end at that time.
    pub(crate) leader_end: i64,
}

/// The replicas of one partition.
#[derive(Clone, Debug)]
pub(crate) struct ReplicaSet {
    /// In the order of their assignment: the first is the preferred leader.
    replicas: Vec<Replica>,
    leader: Option<i32>,
    leader_epoch: i32,
    /// Where the log ended when the leader was elected. A follower joins the in-sync set only from
    /// there on.
    epoch_start: i64,
    high_watermark: i64,
    min_in_sync: usize,
}

impl ReplicaSet {
    pub(crate) fn new(assignment: &[i32], min_in_sync: i16, now: Instant) -> Self {
        let replica = |&broker| Replica {
            broker,
            end: 0,
            caught_up: now,
            in_sync: true,
        };
        Self {
            replicas: assignment.iter().map(replica).collect(),
            leader: assignment.first().copied(),
            leader_epoch: 0,
            epoch_start: 0,
            high_watermark: 0,
            // Kafka 4: a topic with fewer replicas than min.insync.replicas can be written to once
            // all have it.
            min_in_sync: assignment.len().min(min_in_sync as usize),
        }
    }

    pub(crate) fn leader(&self) -> Option<i32> {
        self.leader
    }

    pub(crate) fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// Offset at which the leader's epoch began.
    pub(crate) fn epoch_start(&self) -> i64 {
        self.epoch_start
    }

    pub(crate) fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    pub(crate) fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    pub(crate) fn in_sync(&self) -> impl Iterator<Item = i32> + '_ {
        self.replicas
            .iter()
            .filter(|replica| replica.in_sync)
            .map(|replica| replica.broker)
    }

    /// Whether as many are in sync as acks=all asks for.
    pub(crate) fn has_min_in_sync(&self) -> bool {
        self.in_sync().count() >= self.min_in_sync
    }

    pub(crate) fn holds(&self, broker: i32) -> bool {
        self.replicas.iter().any(|replica| replica.broker == broker)
    }

    /// The leader's log has grown from `before` to `end`. Reachable followers that had everything
    /// did so until now.
    pub(crate) fn appended(&mut self, before: i64, end: i64, reachable: impl Fn(i32) -> bool, now: Instant) {
        for replica in &mut self.replicas {
            if Some(replica.broker) == self.leader {
                replica.end = end;
                replica.caught_up = now;
            } else if replica.end == before && reachable(replica.broker) {
                replica.caught_up = now;
            }
        }
    }

    /// A follower has everything below `end` by this fetch, and joins the in-sync set if it may.
    ///
    /// The follower is caught up now if it has all that there is. It was caught up when the fetch
    /// began if it has all that there was then. A fetch that was too small for the rest proves
    /// neither: a follower that never keeps up leaves the in-sync set, however much it fetches.
    pub(crate) fn replicated(&mut self, broker: i32, end: i64, fetch: FollowerFetch, now: Instant) {
        let Some(leader_end) = self.leader_end() else {
            return;
        };
        let (high_watermark, epoch_start) = (self.high_watermark, self.epoch_start);
        let Some(replica) = self.replicas.iter_mut().find(|replica| replica.broker == broker) else {
            return;
        };
        replica.end = end;
        let caught_up = match end {
            _ if end >= leader_end => now,
            _ if end >= fetch.leader_end => fetch.began,
            _ => replica.caught_up,
        };
        replica.caught_up = replica.caught_up.max(caught_up);
        if end >= high_watermark && end >= epoch_start {
            replica.in_sync = true;
        }
    }

    /// Moves the high watermark as far as it may go; answers whether it moved. It stands still
    /// below min.insync.replicas. A live replica that is not in sync but not late either holds it
    /// back too, or it could never catch up.
    pub(crate) fn advance(&mut self, lag_max: Duration, is_live: impl Fn(i32) -> bool, now: Instant) -> bool {
        if self.leader.is_none() || !self.has_min_in_sync() {
            return false;
        }
        let counts = |replica: &&Replica| {
            replica.in_sync || (is_live(replica.broker) && now.duration_since(replica.caught_up) <= lag_max)
        };
        let everywhere = self
            .replicas
            .iter()
            .filter(counts)
            .map(|replica| replica.end)
            .min();
        let moved = everywhere.is_some_and(|everywhere| everywhere > self.high_watermark);
        if moved {
            self.high_watermark = everywhere.unwrap_or(self.high_watermark);
        }
        moved
    }

    /// Whether a follower in the in-sync set has less than the leader.
    pub(crate) fn is_lagging(&self) -> bool {
        let end = self.leader_end();
        self.replicas
            .iter()
            .any(|replica| replica.in_sync && Some(replica.end) < end)
    }

    /// Puts followers out of the in-sync set that have lagged too long; answers whether there were
    /// any.
    pub(crate) fn shrink(&mut self, lag_max: Duration, now: Instant) -> bool {
        let Some(leader_end) = self.leader_end() else {
            return false;
        };
        let mut shrunk = false;
        for replica in &mut self.replicas {
            let late = replica.end != leader_end && now.duration_since(replica.caught_up) > lag_max;
            if replica.in_sync && late {
                replica.in_sync = false;
                shrunk = true;
            }
        }
        shrunk
    }

    /// A broker is dead: it leaves the in-sync set, unless it is the last, and leads no more.
    /// Answers whether anything changed.
    pub(crate) fn fence(&mut self, broker: i32, is_live: impl Fn(i32) -> bool) -> bool {
        let alone = self.in_sync().all(|other| other == broker);
        let mut changed = false;
        for replica in self
            .replicas
            .iter_mut()
            .filter(|replica| replica.broker == broker)
        {
            changed |= replica.in_sync && !alone;
            replica.in_sync &= alone;
        }
        if self.leader == Some(broker) {
            self.elect(is_live);
            changed = true;
        }
        changed
    }

    /// Elects the first live replica that is in sync (a clean election); none if there is none.
    pub(crate) fn elect(&mut self, is_live: impl Fn(i32) -> bool) {
        let next = self
            .replicas
            .iter()
            .find(|replica| replica.in_sync && is_live(replica.broker));
        let next = next.map(|replica| replica.broker);
        self.lead(next);
    }

    /// Makes a replica the leader, in a new epoch. Whatever others have beyond its log is lost.
    pub(crate) fn lead(&mut self, leader: Option<i32>) {
        self.leader = leader;
        self.leader_epoch += 1;
        let Some(end) = self.leader_end() else { return };
        self.epoch_start = end;
        self.high_watermark = self.high_watermark.min(end);
        self.replicas
            .iter_mut()
            .for_each(|replica| replica.end = replica.end.min(end));
    }

    /// Hands the leader's replica to a broker that had none, with all its data: a finished
    /// reassignment.
    pub(crate) fn reassign_leader(&mut self, to: i32) {
        let leader = self.leader;
        if let Some(replica) = self
            .replicas
            .iter_mut()
            .find(|replica| Some(replica.broker) == leader)
        {
            replica.broker = to;
        }
        self.lead(Some(to));
    }

    /// The leader's log end.
    pub(crate) fn leader_end(&self) -> Option<i64> {
        self.end_of(self.leader?)
    }

    /// A replica's log end; `None` if the broker holds none.
    pub(crate) fn end_of(&self, broker: i32) -> Option<i64> {
        let replica = self.replicas.iter().find(|replica| replica.broker == broker);
        replica.map(|replica| replica.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_secs(30);

    struct Set {
        replicas: ReplicaSet,
        now: Instant,
        dead: Vec<i32>,
    }

    impl Set {
        fn new(min_in_sync: i16) -> Self {
            let now = Instant::now();
            Self {
                replicas: ReplicaSet::new(&[0, 1, 2], min_in_sync, now),
                now,
                dead: Vec::new(),
            }
        }

        fn append(&mut self, end: i64) {
            let before = self.replicas.leader_end().expect("there is a leader");
            let dead = self.dead.clone();
            self.replicas
                .appended(before, end, |broker| !dead.contains(&broker), self.now);
        }

        fn replicate(&mut self, broker: i32, end: i64) {
            let fetch = self.begin_fetch();
            self.fetched(broker, end, fetch);
        }

        fn begin_fetch(&self) -> FollowerFetch {
            FollowerFetch {
                began: self.now,
                leader_end: self.replicas.leader_end().expect("there is a leader"),
            }
        }

        fn fetched(&mut self, broker: i32, end: i64, fetch: FollowerFetch) {
            self.replicas.replicated(broker, end, fetch, self.now);
            self.advance();
        }

        fn advance(&mut self) -> i64 {
            self.replicas
                .advance(LAG, |broker| !self.dead.contains(&broker), self.now);
            self.replicas.high_watermark()
        }

        fn fence(&mut self, broker: i32) {
            self.dead.push(broker);
            self.replicas.fence(broker, |broker| !self.dead.contains(&broker));
            self.advance();
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
            self.replicas.shrink(LAG, self.now);
            self.advance();
        }

        fn in_sync(&self) -> Vec<i32> {
            self.replicas.in_sync().collect()
        }
    }

    #[test]
    fn the_high_watermark_is_what_every_in_sync_replica_has() {
        let mut set = Set::new(1);
        set.append(10);
        assert_eq!(set.advance(), 0);
        set.replicate(1, 10);
        assert_eq!(set.advance(), 0);
        set.replicate(2, 7);
        assert_eq!(set.advance(), 7);
    }

    #[test]
    fn a_late_follower_leaves_the_in_sync_set_and_releases_the_high_watermark() {
        let mut set = Set::new(1);
        set.append(10);
        set.replicate(1, 10);
        set.pass(LAG);
        assert_eq!((set.in_sync(), set.advance()), (vec![0, 1, 2], 0));
        set.pass(Duration::from_millis(1));
        assert_eq!((set.in_sync(), set.advance()), (vec![0, 1], 10));
        set.replicate(2, 9);
        assert_eq!(set.in_sync(), [0, 1]);
        set.replicate(2, 10);
        assert_eq!(set.in_sync(), [0, 1, 2]);
    }

    #[test]
    fn a_follower_that_fetches_all_there_was_stays_however_much_comes_meanwhile() {
        let mut set = Set::new(1);
        set.append(10);
        for end in 2..6 {
            let fetch = set.begin_fetch();
            set.append(end * 10);
            set.pass(LAG / 2);
            for follower in [1, 2] {
                set.fetched(follower, (end - 1) * 10, fetch);
            }
            set.pass(Duration::ZERO);
            assert_eq!(set.in_sync(), [0, 1, 2]);
        }
    }

    #[test]
    fn a_follower_that_fetches_less_than_there_was_is_late_in_the_end() {
        let mut set = Set::new(1);
        set.append(10);
        set.pass(LAG / 2);
        let fetch = set.begin_fetch();
        set.pass(LAG / 2);
        set.fetched(1, 10, fetch);
        set.fetched(2, 9, fetch);
        assert_eq!((set.in_sync(), set.advance()), (vec![0, 1, 2], 9));
        set.pass(Duration::from_millis(1));
        assert_eq!((set.in_sync(), set.advance()), (vec![0, 1], 10));
    }

    #[test]
    fn an_idle_follower_is_never_late() {
        let mut set = Set::new(1);
        set.pass(LAG * 100);
        set.append(10);
        set.pass(LAG);
        assert_eq!(set.in_sync(), [0, 1, 2]);
    }

    #[test]
    fn below_min_insync_replicas_the_high_watermark_stands_still() {
        let mut set = Set::new(2);
        set.fence(1);
        set.fence(2);
        set.append(10);
        assert!(!set.replicas.has_min_in_sync());
        assert_eq!(set.advance(), 0);
    }

    #[test]
    fn a_clean_election_takes_the_first_live_replica_in_sync_and_drops_what_it_lacks() {
        let mut set = Set::new(1);
        set.append(10);
        set.replicate(1, 4);
        set.replicate(2, 7);
        set.fence(0);
        assert_eq!(set.replicas.leader(), Some(1));
        assert_eq!(set.replicas.leader_epoch(), 1);
        assert_eq!(set.replicas.leader_end(), Some(4));
        assert_eq!(set.in_sync(), [1, 2]);
        assert_eq!(set.advance(), 4);
    }

    #[test]
    fn the_last_replica_in_sync_stays_it_and_leads_again_when_it_is_back() {
        let mut set = Set::new(1);
        set.fence(1);
        set.fence(2);
        set.append(10);
        set.advance();
        set.fence(0);
        assert_eq!((set.replicas.leader(), set.in_sync()), (None, vec![0]));
        set.dead = vec![0, 1];
        set.replicas.elect(|broker| broker == 2);
        assert_eq!(set.replicas.leader(), None, "2 lacks acknowledged records");
        set.replicas.elect(|broker| broker == 0);
        assert_eq!(
            (set.replicas.leader(), set.replicas.leader_end()),
            (Some(0), Some(10))
        );
    }

    #[test]
    fn a_reassigned_partition_keeps_its_data() {
        let now = Instant::now();
        let mut replicas = ReplicaSet::new(&[0], 1, now);
        replicas.appended(0, 10, |_| true, now);
        replicas.reassign_leader(2);
        assert_eq!((replicas.leader(), replicas.leader_end()), (Some(2), Some(10)));
        assert!(!replicas.holds(0));
    }
}
