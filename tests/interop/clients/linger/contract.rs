//! Commands and answers as JSON: what tests/interop/clients/contract.py describes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use linger::Codec;
use linger_sim::StoredRecord;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) const PARTITIONS: i32 = 3;

/// Values longer than this are told by their hash.
const VALUE_BYTES_MAX: usize = 4096;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum Command {
    Produce(Job),
    Holds { topic: String, cluster: ClusterName },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClusterName {
    Replicated,
    Unreplicated,
    Silent,
}

/// A file's records to produce.
#[derive(Deserialize)]
pub(crate) struct Job {
    pub(crate) bootstrap: String,
    pub(crate) topic: String,
    pub(crate) codec: String,
    pub(crate) acks: String,
    pub(crate) idempotent: bool,
    /// `murmur2` or `crc32`.
    #[serde(default)]
    pub(crate) partitioner: Option<String>,
    pub(crate) file: String,
}

/// A record as a file has it: a line of JSON, bytes in base64.
#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: i64,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
}

/// A line's record, its bytes decoded.
pub(crate) struct Decoded {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Line {
    pub(crate) fn decode(&self) -> Result<Decoded, base64::DecodeError> {
        let bytes = |text: &Option<String>| text.as_ref().map(|text| STANDARD.decode(text)).transpose();
        let headers = self.headers.iter();
        Ok(Decoded {
            key: bytes(&self.key)?,
            value: bytes(&self.value)?,
            headers: headers
                .map(|(name, value)| Ok((name.clone(), bytes(value)?)))
                .collect::<Result<_, base64::DecodeError>>()?,
        })
    }
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer<'a> {
    Hello {
        client: &'a str,
        replicated: &'a str,
        unreplicated: &'a str,
        silent: &'a str,
    },
    Placed(Place),
    Holds(Stored),
    Done {
        done: bool,
    },
    Failed {
        failed: String,
    },
}

/// Where a record went; the offset is unknown with `acks=0`.
#[derive(Serialize)]
pub(crate) struct Place {
    pub(crate) partition: i32,
    pub(crate) offset: Option<i64>,
}

/// A record as it was found.
#[derive(Serialize)]
pub(crate) struct Stored {
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
    /// Of its batch.
    codec: &'static str,
    /// Whether its batch names an idempotent producer.
    idempotent: bool,
}

impl Stored {
    pub(crate) fn new(partition: i32, codec: Codec, record: &StoredRecord) -> Self {
        let headers = record.headers.iter();
        Self {
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.as_ref().map(|key| STANDARD.encode(key)),
            value: record.value.as_ref().map(|value| tell(value)),
            headers: headers
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        value.as_ref().map(|value| STANDARD.encode(value)),
                    )
                })
                .collect(),
            codec: codec.name(),
            idempotent: record.producer_id >= 0,
        }
    }
}

fn tell(value: &[u8]) -> String {
    if value.len() <= VALUE_BYTES_MAX {
        return STANDARD.encode(value);
    }
    format!("sha256:{}", STANDARD.encode(Sha256::digest(value)))
}
