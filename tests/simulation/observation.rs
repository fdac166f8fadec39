//! What the brokers say has happened, in the words of the history.

use linger_protocol::records::BatchView;
use linger_sim_model::{Observation, StoredBatch};

use crate::evidence;
use crate::history::{Event, Held, Identity, Stored, Tp};
use crate::world::World;

impl World {
    /// Takes over what the model has noted since last time.
    pub(crate) fn note_observations(&mut self) {
        for observation in self.cluster.take_observations() {
            let event = match observation {
                Observation::Appended { origin, batch } => Event::Appended {
                    broker: origin.broker,
                    tp: Tp {
                        topic: origin.topic,
                        partition: origin.partition,
                    },
                    base_offset: batch.base_offset(),
                    identity: Identity {
                        producer_id: origin.producer_id,
                        epoch: origin.epoch,
                    },
                    base_sequence: origin.base_sequence,
                    records: records_of(&batch),
                },
                Observation::Duplicate { origin, .. } => Event::DuplicateAcknowledged {
                    tp: Tp {
                        topic: origin.topic,
                        partition: origin.partition,
                    },
                    identity: Identity {
                        producer_id: origin.producer_id,
                        epoch: origin.epoch,
                    },
                    base_sequence: origin.base_sequence,
                },
                Observation::LeaderChanged {
                    topic,
                    partition,
                    leader,
                    ..
                } => Event::LeaderMoved {
                    tp: Tp { topic, partition },
                    to: leader,
                },
                Observation::Truncated {
                    topic,
                    partition,
                    from,
                    until,
                } => Event::Truncated {
                    tp: Tp { topic, partition },
                    from,
                    until,
                },
                told => {
                    self.trace(|| format!("{told:?}"));
                    continue;
                }
            };
            self.record(event);
        }
    }

    /// Reads every log as a consumer finds it in the end.
    pub(crate) fn read_logs(&mut self) {
        for (topic, partitions) in self.cluster.topics() {
            for partition in 0..partitions {
                let mut log = Vec::new();
                for batch in self
                    .cluster
                    .log(&topic, partition)
                    .expect("the topic was listed")
                    .batches()
                {
                    let offsets = batch.base_offset()..;
                    log.extend(
                        offsets
                            .zip(records_of(batch))
                            .map(|(offset, record)| Stored { offset, record }),
                    );
                }
                self.history.logs.insert(
                    Tp {
                        topic: topic.clone(),
                        partition,
                    },
                    log,
                );
            }
        }
    }
}

fn records_of(batch: &StoredBatch) -> Vec<Held> {
    let bytes = batch.to_bytes();
    let records = BatchView::parse(&bytes).map_err(|error| error.to_string());
    let records = records.and_then(|view| evidence::held(&view));
    records.unwrap_or_else(|why| {
        vec![Held {
            claim: Err(why),
            content: 0,
            timestamp: -1,
        }]
    })
}
