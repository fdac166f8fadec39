//! A closed batch is compressed and summed. It gets its header when its sequence is known.

use super::builder::RawBatch;
use super::compression::{Codec, Compression, Scratch};
use super::crc::{ShiftOperator, crc32c};
use super::layout::{
    BATCH_OVERHEAD, BatchHeader, HEADER_SIZE, MAGIC, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE,
    TRANSACTIONAL_BIT,
};

/// The producer and the sequence of a batch, by which a broker detects duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Producer id, -1 for none.
    pub producer_id: i64,
    /// Producer epoch, -1 for none.
    pub producer_epoch: i16,
    /// Sequence number of the batch's first record, -1 for none.
    pub base_sequence: i32,
}

impl Stamp {
    /// The stamp of a producer that is not idempotent.
    pub const NONE: Self = Self {
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        base_sequence: NO_SEQUENCE,
    };
}

impl Default for Stamp {
    fn default() -> Self {
        Self::NONE
    }
}

/// A batch's records as they are sent, with all values that a header needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedRecords {
    /// The records, compressed if that made them smaller.
    pub body: Vec<u8>,
    /// Bytes of the records uncompressed.
    pub raw_len: usize,
    /// How `body` is compressed.
    pub codec: Codec,
    /// Number of records.
    pub count: u32,
    /// Timestamp of the first record, in milliseconds since the epoch.
    pub base_timestamp: i64,
    /// Largest timestamp of any record, in milliseconds since the epoch.
    pub max_timestamp: i64,
    /// CRC-32C of `body`.
    pub body_crc: u32,
    /// Combines a header's checksum with `body_crc`.
    pub body_shift: ShiftOperator,
    /// The buffer of the uncompressed records, cleared, for reuse. It has no capacity if `body` is
    /// that buffer.
    pub raw: Vec<u8>,
}

impl RawBatch {
    /// Compresses and sums the records.
    ///
    /// If compression does not make the records smaller, the batch is sent uncompressed and the
    /// header says so, as in librdkafka. The same happens if a codec fails, so encoding always
    /// succeeds.
    ///
    /// # Panics
    /// If the batch is empty or larger than 2 GiB. Kafka's format can express neither.
    pub fn encode(self, compression: Compression, scratch: &mut Scratch) -> EncodedRecords {
        assert!(
            self.count > 0,
            "an empty batch has no last offset and is never sent"
        );
        let raw_len = self.records.len();
        assert!(
            raw_len <= i32::MAX as usize - HEADER_SIZE,
            "a batch's length is a 32-bit integer"
        );
        let (body, codec, raw) = match scratch.compress(compression, &self.records) {
            Some(compressed) => {
                let body = compressed.to_vec();
                let mut raw = self.records;
                raw.clear();
                (body, compression.codec(), raw)
            }
            None => (self.records, Codec::None, Vec::new()),
        };
        EncodedRecords {
            body_crc: crc32c(&body),
            body_shift: ShiftOperator::over(body.len()),
            body,
            raw_len,
            codec,
            count: self.count,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            raw,
        }
    }
}

impl EncodedRecords {
    /// Bytes of the whole batch: header and body.
    #[inline]
    pub fn size(&self) -> usize {
        HEADER_SIZE + self.body.len()
    }

    /// The 61 bytes that go before `body`, checksum included.
    ///
    /// Takes tens of nanoseconds, whatever the size of the body. The same stamp gives the same
    /// bytes, which a retry needs.
    #[inline]
    pub fn header(&self, stamp: Stamp, transactional: bool) -> [u8; HEADER_SIZE] {
        let bits = if transactional { TRANSACTIONAL_BIT } else { 0 };
        BatchHeader {
            base_offset: 0,
            batch_length: (self.size() - BATCH_OVERHEAD) as i32,
            partition_leader_epoch: -1,
            magic: MAGIC,
            crc: 0,
            attributes: i16::from(self.codec.id()) | bits,
            last_offset_delta: self.count as i32 - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: stamp.producer_id,
            producer_epoch: stamp.producer_epoch,
            base_sequence: stamp.base_sequence,
            count: self.count as i32,
        }
        .to_bytes_summed(self.body_crc, self.body_shift)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, BatchView, Header, Record};
    use super::*;

    fn raw(values: &[&[u8]]) -> RawBatch {
        let mut builder = BatchBuilder::new(Vec::new());
        for (index, value) in values.iter().enumerate() {
            let headers = [
                Header {
                    key: "a",
                    value: None,
                },
                Header {
                    key: "a",
                    value: Some(b"x"),
                },
            ];
            let record = Record {
                key: (index % 2 == 0).then_some(b"key"),
                value: Some(value),
                headers: &headers,
            };
            let size = builder.next_size(&record, 1_000 - index as i64);
            let before = builder.len();
            assert_eq!(
                builder.append_sized(&record, 1_000 - index as i64, size),
                index as u32
            );
            assert_eq!(builder.len() - before, size);
        }
        builder.close()
    }

    #[test]
    fn every_codec_comes_back() {
        let value = b"the same words again and again, the same words again and again".repeat(20);
        let values = vec![&value[..]; 100];
        let mut scratch = Scratch::new();
        for compression in Compression::ALL {
            let encoded = raw(&values).encode(compression, &mut scratch);
            assert_eq!(encoded.codec, compression.codec());
            let stamp = Stamp {
                producer_id: 7,
                producer_epoch: 3,
                base_sequence: i32::MAX,
            };
            let mut batch = encoded.header(stamp, false).to_vec();
            batch.extend_from_slice(&encoded.body);
            let view = BatchView::parse(&batch).expect("whole batch");
            view.verify_crc().expect("combined checksum");
            assert_eq!(view.body_crc(), encoded.body_crc);
            assert_eq!(
                (view.count(), view.last_offset_delta(), view.last_sequence()),
                (100, 99, 98)
            );
            let records = view.records(1 << 20).expect("decompressed");
            assert_eq!(records.bytes(), raw(&values).records);
            for (index, record) in records.iter().enumerate() {
                let record = record.expect("whole record");
                assert_eq!(record.value, Some(&value[..]));
                assert_eq!(view.timestamp_of(&record), 1_000 - index as i64);
                assert_eq!(
                    record.headers().map(|header| header.value).collect::<Vec<_>>(),
                    [None, Some(&b"x"[..])]
                );
            }
            assert_eq!(records.iter().count(), 100);
        }
    }

    #[test]
    fn what_does_not_shrink_is_sent_raw() {
        let mut scratch = Scratch::new();
        for compression in Compression::ALL {
            let encoded = raw(&[b"x"]).encode(compression, &mut scratch);
            assert_eq!(
                (encoded.codec, encoded.body),
                (Codec::None, raw(&[b"x"]).records),
                "{compression}"
            );
        }
    }
}
