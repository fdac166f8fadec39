//! Record batches, and functions that make them invalid.

use std::time::{SystemTime, UNIX_EPOCH};

use linger_protocol::Bytes;
use linger_protocol::records::{
    BATCH_OVERHEAD, BatchHeader, Codec, Compression, HEADER_SIZE, Scratch, crc32c,
};

/// The time of these cases' first records, in milliseconds since the epoch; shown as `t0`.
pub(crate) const T0: i64 = 1_700_000_000_000;

pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    now.as_millis() as i64
}

/// Positions of header fields that cases change after the checksum was computed.
pub(crate) const CRC_AT: usize = 17;

/// A record as its fields go over the wire.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) attributes: u8,
    pub(crate) timestamp_delta: i64,
    pub(crate) offset_delta: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A batch before it is bytes: header fields may be set to anything; the checksum is made last.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) header: BatchHeader,
    pub(crate) records: Vec<Record>,
    /// Instead of the encoded records.
    pub(crate) payload: Option<Vec<u8>>,
    /// Added to the length that is right.
    pub(crate) length_change: i32,
}

/// A batch of these values, one millisecond apart, the first at [`T0`], without a producer id.
pub(crate) fn batch(values: &[&str]) -> Batch {
    let records = values.iter().enumerate().map(|(index, value)| Record {
        attributes: 0,
        timestamp_delta: index as i64,
        offset_delta: index as i64,
        key: None,
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
    });
    let count = values.len() as i32;
    Batch {
        header: BatchHeader {
            base_offset: 0,
            batch_length: 0,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: T0,
            max_timestamp: T0 + i64::from(count) - 1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count,
        },
        records: records.collect(),
        payload: None,
        length_change: 0,
    }
}

impl Batch {
    /// Changes whatever a case wants changed.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn header(mut self, change: impl FnOnce(&mut BatchHeader)) -> Self {
        change(&mut self.header);
        self
    }

    /// Gives it an identity.
    pub(crate) fn by(self, producer_id: i64, epoch: i16, sequence: i32) -> Self {
        self.header(|header| {
            header.producer_id = producer_id;
            header.producer_epoch = epoch;
            header.base_sequence = sequence;
        })
    }

    /// Starts at this time instead.
    pub(crate) fn at(self, timestamp: i64) -> Self {
        self.header(|header| {
            header.max_timestamp = timestamp.wrapping_add(header.max_timestamp - header.base_timestamp);
            header.base_timestamp = timestamp;
        })
    }

    /// Gives every record a key.
    pub(crate) fn keyed(self, key: &str) -> Self {
        self.with(|batch| {
            batch
                .records
                .iter_mut()
                .for_each(|record| record.key = Some(key.as_bytes().to_vec()));
        })
    }

    /// Compresses the records, as they are by now.
    pub(crate) fn packed(self, codec: Codec) -> Self {
        let payload = pack(codec, &self.encoded_records());
        self.payload(codec.id(), payload)
    }

    /// Takes this for the compressed records.
    pub(crate) fn payload(mut self, codec: u8, payload: Vec<u8>) -> Self {
        self.header.attributes |= i16::from(codec);
        self.payload = Some(payload);
        self
    }

    /// The records as they go into a batch uncompressed.
    pub(crate) fn encoded_records(&self) -> Vec<u8> {
        self.records.iter().flat_map(Record::encode).collect()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let payload = self.payload.clone().unwrap_or_else(|| self.encoded_records());
        let header = BatchHeader {
            batch_length: ((HEADER_SIZE - BATCH_OVERHEAD + payload.len()) as i32)
                .wrapping_add(self.length_change),
            ..self.header
        };
        let mut bytes = [&header.to_bytes()[..], &payload].concat();
        let crc = crc32c(&bytes[CRC_AT + 4..]);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
        bytes
    }
}

impl From<Batch> for Bytes {
    fn from(batch: Batch) -> Self {
        batch.bytes().into()
    }
}

impl Record {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = self.body();
        [varint(body.len() as i64), body].concat()
    }

    /// All behind the length.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = vec![self.attributes];
        body.extend(varint(self.timestamp_delta));
        body.extend(varint(self.offset_delta));
        body.extend(nullable(self.key.as_deref()));
        body.extend(nullable(self.value.as_deref()));
        body.extend(varint(self.headers.len() as i64));
        for (key, value) in &self.headers {
            body.extend(nullable(Some(key.as_bytes())));
            body.extend(nullable(value.as_deref()));
        }
        body
    }
}

fn nullable(bytes: Option<&[u8]>) -> Vec<u8> {
    match bytes {
        None => varint(-1),
        Some(bytes) => [&varint(bytes.len() as i64), bytes].concat(),
    }
}

/// Zigzag, then seven bits a byte.
pub(crate) fn varint(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// Compresses bytes, of which there must be enough for that to make them smaller.
pub(crate) fn pack(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    let compression = match codec {
        Codec::None => return bytes.to_vec(),
        Codec::Gzip => "gzip",
        Codec::Snappy => "snappy",
        Codec::Lz4 => "lz4",
        Codec::Zstd => "zstd",
    };
    let compression: Compression = compression.parse().expect("a codec's name");
    let mut scratch = Scratch::new();
    let packed = scratch.compress(compression, bytes);
    packed.expect("the case gives bytes that compress").to_vec()
}

/// A value that every codec makes smaller.
pub(crate) fn compressible() -> String {
    "all work and no play ".repeat(20)
}
