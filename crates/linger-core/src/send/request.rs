//! A produce request is put together from the batches that were taken for it, in buffers that serve
//! again.

use std::sync::Arc;

use linger_protocol::RecordSet;
use linger_protocol::messages::{PartitionProduceData, ProduceRequest, RequestBody, TopicProduceData};
use linger_protocol::records::Scratch;

use crate::ids::PartitionId;
use crate::send::partitions::Partitions;

/// How many requests' lists are kept for the next ones.
const SPARE_REQUESTS_MAX: usize = 4;

/// The batches of the next request, and the buffers of the ones before.
#[derive(Debug, Default)]
pub struct RequestAssembly {
    taken: Vec<(PartitionId, RecordSet)>,
    topic_lists: Vec<Vec<TopicProduceData>>,
    partition_lists: Vec<Vec<PartitionId>>,
    /// What encoding a batch takes.
    pub scratch: Scratch,
}

impl RequestAssembly {
    /// Adds a batch to the next request.
    pub fn take(&mut self, partition: PartitionId, records: RecordSet) {
        self.taken.push((partition, records));
    }

    /// How many batches the next request has.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Returns true if the next request has no batch yet.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// The partitions of the next request, sorted, and its batches: each topic once. The next
    /// request is empty then.
    pub fn finish(&mut self, partitions: &Partitions) -> (Vec<PartitionId>, Vec<TopicProduceData>) {
        let mut ids = self.partition_list();
        ids.extend(self.taken.iter().map(|(id, _)| *id));
        ids.sort_unstable();
        let topics = self.group_by_topic(partitions);
        (ids, topics)
    }

    fn group_by_topic(&mut self, partitions: &Partitions) -> Vec<TopicProduceData> {
        let queue = |id: PartitionId| partitions[id].queue();
        self.taken.sort_unstable_by(|(a, _), (b, _)| {
            let (first, second) = (queue(*a).topic(), queue(*b).topic());
            if Arc::ptr_eq(first, second) {
                a.cmp(b)
            } else {
                first.cmp(second).then(a.cmp(b))
            }
        });
        let mut topics = self.topic_lists.pop().unwrap_or_default();
        let (mut used, mut count_left) = (0, self.taken.len());
        for (id, records) in self.taken.drain(..) {
            let (name, index) = (queue(id).topic(), queue(id).partition());
            let same = |topic: &TopicProduceData| Arc::ptr_eq(&topic.name, name) || topic.name == *name;
            if used == 0 || !same(&topics[used - 1]) {
                match topics.get_mut(used) {
                    Some(topic) => topic.name = name.clone(),
                    None => topics.push(TopicProduceData {
                        name: name.clone(),
                        partition_data: Vec::with_capacity(count_left),
                    }),
                }
                used += 1;
            }
            topics[used - 1].partition_data.push(PartitionProduceData {
                index,
                records: Some(records),
            });
            count_left -= 1;
        }
        topics.truncate(used);
        topics
    }

    /// Takes back a request that has been encoded: its lists serve the next one.
    pub fn take_back(&mut self, request: RequestBody) {
        if let RequestBody::Produce(ProduceRequest { mut topic_data, .. }) = request
            && self.topic_lists.len() < SPARE_REQUESTS_MAX
        {
            for topic in &mut topic_data {
                topic.partition_data.clear();
            }
            self.topic_lists.push(topic_data);
        }
    }

    /// An empty list of partitions.
    pub fn partition_list(&mut self) -> Vec<PartitionId> {
        self.partition_lists.pop().unwrap_or_default()
    }

    /// Takes back a list of partitions.
    pub fn recycle(&mut self, mut list: Vec<PartitionId>) {
        list.clear();
        self.partition_lists.push(list);
    }
}
