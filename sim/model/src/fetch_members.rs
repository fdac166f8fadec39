//! The partitions of a fetch: what the client asked for, and what it was told of each.

use std::collections::{BTreeMap, BTreeSet};

use linger_protocol::messages::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use linger_protocol::{ErrorCode, Str};

/// A partition that is fetched.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) topic: Str,
    pub(crate) asked: FetchPartition,
    told: Told,
}

/// What the client knows of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    high_watermark: i64,
    log_start_offset: i64,
}

const TOLD_NOTHING: Told = Told {
    high_watermark: -1,
    log_start_offset: -1,
};

impl Member {
    /// Notes what the client is told. Returns whether an incremental answer must name the
    /// partition: because of records, an error, or an offset that moved.
    pub(crate) fn tell(&mut self, data: &PartitionData) -> bool {
        let told = Told {
            high_watermark: data.high_watermark,
            log_start_offset: data.log_start_offset,
        };
        let moved = std::mem::replace(&mut self.told, told) != told;
        let is_failed = data.error_code != ErrorCode::NONE;
        if is_failed {
            // The end of the error must be told.
            self.told.high_watermark = TOLD_NOTHING.high_watermark;
        }
        moved || is_failed || gives_records(data) || data.diverging_epoch.epoch >= 0
    }
}

fn gives_records(data: &PartitionData) -> bool {
    data.records.as_ref().is_some_and(|records| !records.is_empty())
}

pub(crate) fn bytes_of(members: &[Member]) -> usize {
    members
        .iter()
        .map(|member| size_of::<Member>() + member.topic.len())
        .sum()
}

/// The partitions that a request names, each once: at the place of its first mention, with the
/// settings of its last one.
pub(crate) fn asked_by(request: &FetchRequest) -> Vec<Member> {
    let mut members = Vec::new();
    add(&mut members, &request.topics);
    members
}

pub(crate) fn add(members: &mut Vec<Member>, topics: &[FetchTopic]) {
    if topics.is_empty() {
        return;
    }
    let places = members.iter().enumerate();
    let mut places: BTreeMap<(Str, i32), usize> = places
        .map(|(place, member)| ((member.topic.clone(), member.asked.partition), place))
        .collect();
    for topic in topics {
        for asked in &topic.partitions {
            let place = *places
                .entry((topic.topic.clone(), asked.partition))
                .or_insert(members.len());
            match members.get_mut(place) {
                Some(member) => member.asked = asked.clone(),
                None => members.push(Member {
                    topic: topic.topic.clone(),
                    asked: asked.clone(),
                    told: TOLD_NOTHING,
                }),
            }
        }
    }
}

pub(crate) fn forget(members: &mut Vec<Member>, request: &FetchRequest) {
    let topics = request.forgotten_topics_data.iter();
    let forgotten = topics.flat_map(|topic| topic.partitions.iter().map(|index| (&*topic.topic, *index)));
    let forgotten: BTreeSet<(&str, i32)> = forgotten.collect();
    if !forgotten.is_empty() {
        members.retain(|member| !forgotten.contains(&(&*member.topic, member.asked.partition)));
    }
}

/// Returns what is new, and the members in the order in which they are read the next time. Members
/// that gave records come last, so that a limit on bytes starves none.
pub(crate) fn tell_changes(
    members: Vec<Member>,
    read: Vec<PartitionData>,
) -> (Vec<(Str, PartitionData)>, Vec<Member>) {
    let (mut changes, mut next, mut gave) = (Vec::new(), Vec::with_capacity(members.len()), Vec::new());
    for (mut member, data) in members.into_iter().zip(read) {
        let is_change = member.tell(&data);
        let topic = member.topic.clone();
        match gives_records(&data) {
            true => gave.push(member),
            false => next.push(member),
        }
        if is_change {
            changes.push((topic, data));
        }
    }
    next.append(&mut gave);
    (changes, next)
}
