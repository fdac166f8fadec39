//! Fetch sessions (KIP-227): a broker remembers what a client asked for and was told, so that
//! requests and answers name changes only.
//!
//! ```text
//! epoch 0:  a full fetch; opens a session in epoch 1       epoch -1: a full fetch without a session
//! epoch n:  an incremental fetch; the session goes on to epoch n + 1, and the answer names only what is new
//! ```
//!
//! A full fetch ends the session that it names. A session belongs to a broker, not to a connection.
//! If there is no room for a session, a full fetch is answered all the same.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use linger_protocol::messages::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use linger_protocol::{ErrorCode, Str};

use crate::fetch_members::{Member, add, asked_by, bytes_of, forget, tell_changes};
use crate::rng::Rng;

/// Sessions of one broker, Kafka's default for `max.incremental.fetch.session.cache.slots`.
const SESSIONS_MAX: usize = 1_000;

/// A session that was not used for this time gives way to any other session, and a session of this
/// age gives way to a larger one (`min.incremental.fetch.session.eviction.ms`).
const EVICTION_AFTER: Duration = Duration::from_secs(120);

/// Bytes that the sessions of one broker may take together, enough for about 150,000 partitions.
/// Kafka has no such limit.
const SESSIONS_BYTES_MAX: usize = 16 << 20;

/// Kafka divides its sessions by id among this many shards, and fails at an id that would be in
/// none of them.
const SHARDS: i32 = 8;
const IDS_PER_SHARD: i32 = i32::MAX / SHARDS;

/// Ids that a request may name. The ids of sessions are positive.
pub(crate) const SESSION_IDS: RangeInclusive<i32> = 1 - IDS_PER_SHARD..=SHARDS * IDS_PER_SHARD - 1;

const INITIAL_EPOCH: i32 = 0;
const FINAL_EPOCH: i32 = -1;
const NO_SESSION: i32 = 0;

/// How a fetch is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchContext {
    /// In full, without a session.
    Sessionless,
    /// In full, and a session is opened.
    Full,
    /// With what is new, unless the session has left this epoch meanwhile.
    Incremental { session_id: i32, epoch: i32 },
}

/// The sessions of one broker.
#[derive(Debug, Default)]
pub(crate) struct FetchSessions {
    by_id: BTreeMap<i32, Session>,
}

#[derive(Debug)]
struct Session {
    /// The epoch of the next incremental fetch.
    epoch: i32,
    /// In the order in which they are read.
    members: Vec<Member>,
    bytes: usize,
    created: Instant,
    last_used: Instant,
}

impl FetchSessions {
    /// Takes a request in. Returns the partitions that the request asks for, those that its session
    /// remembers included.
    pub(crate) fn begin(
        &mut self,
        request: &FetchRequest,
        now: Instant,
    ) -> Result<(FetchContext, Vec<Member>), ErrorCode> {
        let (session_id, epoch) = (request.session_id, request.session_epoch);
        if matches!(epoch, INITIAL_EPOCH | FINAL_EPOCH) {
            self.by_id.remove(&session_id);
            let context = match epoch {
                INITIAL_EPOCH => FetchContext::Full,
                _ => FetchContext::Sessionless,
            };
            return Ok((context, asked_by(request)));
        }
        let session = self.by_id.get_mut(&session_id);
        let session = session.ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        add(&mut session.members, &request.topics);
        forget(&mut session.members, request);
        if session.members.is_empty() {
            self.by_id.remove(&session_id);
            return Ok((FetchContext::Sessionless, asked_by(request)));
        }
        session.epoch = epoch_after(epoch);
        session.last_used = now;
        session.bytes = bytes_of(&session.members);
        let begun = FetchContext::Incremental {
            session_id,
            epoch: session.epoch,
        };
        let members = session.members.clone();
        if self.bytes() > SESSIONS_BYTES_MAX {
            self.by_id.remove(&session_id);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        Ok((begun, members))
    }

    /// Makes the answer out of the data that was read of each partition that [`begin`](Self::begin)
    /// returned.
    pub(crate) fn answer(
        &mut self,
        context: FetchContext,
        mut members: Vec<Member>,
        read: Vec<PartitionData>,
        rng: &mut Rng,
        now: Instant,
    ) -> FetchResponse {
        assert_eq!(members.len(), read.len(), "each partition is read once");
        match context {
            FetchContext::Sessionless => response(NO_SESSION, topics_of(&members).zip(read)),
            FetchContext::Full => {
                for (member, data) in members.iter_mut().zip(&read) {
                    member.tell(data);
                }
                let answer = response(NO_SESSION, topics_of(&members).zip(read));
                let session_id = self.open(members, rng, now);
                FetchResponse { session_id, ..answer }
            }
            FetchContext::Incremental { session_id, epoch } => {
                // If the session was ended meanwhile, this last fetch is answered all the same.
                let session = self.by_id.get_mut(&session_id);
                if session.as_ref().is_some_and(|session| session.epoch != epoch) {
                    return FetchResponse {
                        error_code: ErrorCode::INVALID_FETCH_SESSION_EPOCH,
                        session_id,
                        ..FetchResponse::default()
                    };
                }
                let (changes, members) = tell_changes(members, read);
                if let Some(session) = session {
                    session.members = members;
                }
                response(session_id, changes.into_iter())
            }
        }
    }

    /// Opens a session if there is room for it, and returns its id.
    fn open(&mut self, members: Vec<Member>, rng: &mut Rng, now: Instant) -> i32 {
        let bytes = bytes_of(&members);
        if bytes > SESSIONS_BYTES_MAX {
            return NO_SESSION;
        }
        while self.by_id.len() >= SESSIONS_MAX || self.bytes() + bytes > SESSIONS_BYTES_MAX {
            let Some(id) = self.evictable(members.len(), now) else {
                return NO_SESSION;
            };
            self.by_id.remove(&id);
        }
        let id = loop {
            let id = 1 + rng.below(*SESSION_IDS.end() as u64) as i32;
            if !self.by_id.contains_key(&id) {
                break id;
            }
        };
        let session = Session {
            epoch: epoch_after(INITIAL_EPOCH),
            members,
            bytes,
            created: now,
            last_used: now,
        };
        self.by_id.insert(id, session);
        id
    }

    /// The session that gives way to a session of `size` partitions: one that is not used any more,
    /// else the smallest, if it is smaller than `size` and not young.
    fn evictable(&self, size: usize, now: Instant) -> Option<i32> {
        let age = |since: Instant| now.saturating_duration_since(since);
        let (&oldest, session) = self.by_id.iter().min_by_key(|(_, session)| session.last_used)?;
        if age(session.last_used) > EVICTION_AFTER {
            return Some(oldest);
        }
        let not_young = self
            .by_id
            .iter()
            .filter(|(_, session)| age(session.created) > EVICTION_AFTER);
        let (&smallest, session) = not_young.min_by_key(|(_, session)| session.members.len())?;
        (session.members.len() < size).then_some(smallest)
    }

    fn bytes(&self) -> usize {
        self.by_id.values().map(|session| session.bytes).sum()
    }
}

fn epoch_after(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(INITIAL_EPOCH + 1)
}

fn topics_of(members: &[Member]) -> impl Iterator<Item = Str> {
    members.iter().map(|member| member.topic.clone())
}

fn response(session_id: i32, parts: impl Iterator<Item = (Str, PartitionData)>) -> FetchResponse {
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (topic, data) in parts {
        match responses.last_mut() {
            Some(last) if last.topic == topic => last.partitions.push(data),
            _ => responses.push(FetchableTopicResponse {
                topic,
                partitions: vec![data],
            }),
        }
    }
    FetchResponse {
        session_id,
        responses,
        ..FetchResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use linger_protocol::messages::{FetchPartition, FetchTopic};

    use super::*;

    fn full(topic: &str, partitions: i32) -> FetchRequest {
        let asked = (0..partitions).map(|partition| FetchPartition {
            partition,
            ..FetchPartition::default()
        });
        FetchRequest {
            session_epoch: INITIAL_EPOCH,
            topics: vec![FetchTopic {
                topic: topic.into(),
                partitions: asked.collect(),
            }],
            ..FetchRequest::default()
        }
    }

    fn step(session_id: i32, session_epoch: i32) -> FetchRequest {
        FetchRequest {
            session_id,
            session_epoch,
            ..FetchRequest::default()
        }
    }

    /// The sessions of one broker, asked without a broker: every partition is empty.
    struct Asked {
        sessions: FetchSessions,
        rng: Rng,
        now: Instant,
    }

    impl Asked {
        fn new() -> Self {
            Self {
                sessions: FetchSessions::default(),
                rng: Rng::new(7),
                now: Instant::now(),
            }
        }

        fn ask(&mut self, request: &FetchRequest) -> Result<FetchResponse, ErrorCode> {
            let (context, members) = self.sessions.begin(request, self.now)?;
            let read = vec![PartitionData::default(); members.len()];
            Ok(self
                .sessions
                .answer(context, members, read, &mut self.rng, self.now))
        }

        fn open(&mut self, partitions: i32) -> i32 {
            self.ask(&full("orders", partitions))
                .expect("a full fetch is answered")
                .session_id
        }
    }

    #[test]
    fn the_largest_epoch_is_followed_by_the_first() {
        let mut asked = Asked::new();
        let id = asked.open(1);
        asked.sessions.by_id.get_mut(&id).expect("it was opened").epoch = i32::MAX;
        for epoch in [i32::MAX, 1, 2] {
            assert!(asked.ask(&step(id, epoch)).is_ok(), "{epoch}");
        }
        assert_eq!(
            asked.ask(&step(id, 2)),
            Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH)
        );
    }

    #[test]
    fn a_full_cache_opens_no_session_until_one_may_be_evicted() {
        let mut asked = Asked::new();
        let first = asked.open(1);
        let ids: Vec<i32> = (1..SESSIONS_MAX).map(|_| asked.open(2)).collect();
        assert!(ids.iter().all(|id| *id != NO_SESSION));
        assert_eq!(asked.open(9), NO_SESSION, "all are young");

        asked.now += EVICTION_AFTER + Duration::from_millis(1);
        assert!(asked.ask(&step(first, 1)).is_ok());
        for id in &ids {
            assert!(asked.ask(&step(*id, 1)).is_ok());
        }
        assert_eq!(asked.open(1), NO_SESSION, "none is smaller");
        assert_ne!(asked.open(2), NO_SESSION);
        assert_eq!(
            asked.ask(&step(first, 2)),
            Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
            "the smallest gave way"
        );

        asked.now += EVICTION_AFTER + Duration::from_millis(1);
        assert!(ids[1..].iter().all(|id| asked.ask(&step(*id, 2)).is_ok()));
        assert_ne!(asked.open(1), NO_SESSION);
        assert_eq!(
            asked.ask(&step(ids[0], 2)),
            Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
            "the one that nobody used gave way"
        );
        assert_eq!(asked.sessions.by_id.len(), SESSIONS_MAX);
    }

    #[test]
    fn sessions_take_no_more_than_their_bytes() {
        let mut asked = Asked::new();
        let long = "x".repeat(30_000);
        let topics = |count: usize| {
            let one = |nth| full(&format!("{long}{nth}"), 1).topics.remove(0);
            FetchRequest {
                topics: (0..count).map(one).collect(),
                ..full("orders", 0)
            }
        };
        let many = SESSIONS_BYTES_MAX / long.len();
        let opened = |answer: Result<FetchResponse, ErrorCode>| answer.expect("it is answered").session_id;
        assert_eq!(opened(asked.ask(&topics(many))), NO_SESSION);
        let id = opened(asked.ask(&topics(many / 2)));
        assert_ne!(id, NO_SESSION);
        let more = FetchRequest {
            topics: topics(many).topics,
            ..step(id, 1)
        };
        assert_eq!(asked.ask(&more), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
        assert_eq!(
            asked.sessions.bytes(),
            0,
            "the session that grew too large is gone"
        );
    }
}
