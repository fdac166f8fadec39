//! Batches against the `kafka-protocol` crate, in both directions.
//!
//! The crate writes the *smallest* timestamp as the base, where Java and linger write that of the
//! first record. It keeps one header per key. Its codecs are switched off here. Byte equality is
//! therefore checked for uncompressed records with rising timestamps and distinct keys. Reading is
//! checked for all records, with decoders of other crates.

use std::collections::BTreeSet;
use std::io::Read;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression as TheirCompression, Record as TheirRecord, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use linger_protocol::records::{BatchView, Codec, Compression, Stamp};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sample::{Sample, compression, encode, read, sample, shapes, stamp, whole};

/// As far as their reader gets without overflowing.
const TIMESTAMPS: std::ops::Range<i64> = -(1 << 61)..1 << 61;

fn theirs(samples: &[Sample], stamp: Stamp) -> Vec<TheirRecord> {
    let record = |(index, sample): (usize, &Sample)| TheirRecord {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: stamp.producer_id,
        producer_epoch: stamp.producer_epoch,
        timestamp_type: TimestampType::Creation,
        offset: index as i64,
        sequence: stamp.base_sequence.wrapping_add(index as i32),
        timestamp: sample.timestamp,
        key: sample.key.clone().map(Bytes::from),
        value: sample.value.clone().map(Bytes::from),
        headers: sample
            .headers
            .iter()
            .map(|(key, value)| (StrBytes::from_string(key.clone()), value.clone().map(Bytes::from)))
            .collect(),
    };
    samples.iter().enumerate().map(record).collect()
}

/// Drops headers whose key came before, which they cannot express.
fn with_distinct_headers(mut samples: Vec<Sample>) -> Vec<Sample> {
    for sample in &mut samples {
        let mut seen = BTreeSet::new();
        sample.headers.retain(|(key, _)| seen.insert(key.clone()));
    }
    samples
}

fn their_bytes(samples: &[Sample], stamp: Stamp) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: TheirCompression::None,
    };
    RecordBatchEncoder::encode(&mut bytes, &theirs(samples, stamp), &options).expect("they encode");
    bytes.to_vec()
}

fn read_by_them(bytes: &[u8]) -> Vec<TheirRecord> {
    let decompress = |bytes: &mut Bytes, compression| {
        let mut unpacked = Vec::new();
        match compression {
            TheirCompression::None => unpacked.extend_from_slice(bytes),
            TheirCompression::Gzip => {
                flate2::read::GzDecoder::new(&bytes[..])
                    .read_to_end(&mut unpacked)
                    .expect("gzip");
            }
            TheirCompression::Snappy => {
                unpacked = snap::raw::Decoder::new().decompress_vec(bytes).expect("snappy");
            }
            TheirCompression::Lz4 => {
                lz4_flex::frame::FrameDecoder::new(&bytes[..])
                    .read_to_end(&mut unpacked)
                    .expect("lz4");
            }
            TheirCompression::Zstd => unpacked = zstd::decode_all(&bytes[..]).expect("zstd"),
        }
        Ok(Bytes::from(unpacked))
    };
    let mut bytes = Bytes::copy_from_slice(bytes);
    RecordBatchDecoder::decode_with_custom_compression(&mut bytes, Some(decompress))
        .expect("they decode")
        .records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bytes_equal_theirs(
        samples in vec(sample(TIMESTAMPS), 1..70).prop_map(with_distinct_headers),
        stamp in stamp(),
    ) {
        let mut samples = samples;
        samples.sort_by_key(|sample| sample.timestamp);
        let ours = whole(&encode(&samples, Compression::None), stamp);
        let theirs = their_bytes(&samples, stamp);
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(read(&theirs), samples);
    }

    #[test]
    fn they_read_what_we_write(
        samples in vec(sample(TIMESTAMPS), 1..70).prop_map(with_distinct_headers),
        compression in compression(),
        stamp in stamp(),
    ) {
        let bytes = whole(&encode(&samples, compression), stamp);
        prop_assert_eq!(read_by_them(&bytes), theirs(&samples, stamp));
    }

    #[test]
    fn we_read_what_they_write(
        samples in vec(sample(TIMESTAMPS), 1..70).prop_map(with_distinct_headers),
        stamp in stamp(),
    ) {
        prop_assert_eq!(read(&their_bytes(&samples, stamp)), samples);
    }
}

#[test]
fn every_codec_is_read_by_other_decoders() {
    let samples = with_distinct_headers(shapes());
    for compression in Compression::ALL {
        let bytes = whole(&encode(&samples, compression), Stamp::NONE);
        let codec = BatchView::parse(&bytes).expect("whole batch").codec();
        assert_eq!(
            codec,
            Ok(compression.codec()),
            "these records shrink under every codec"
        );
        assert_eq!(
            read_by_them(&bytes),
            theirs(&samples, Stamp::NONE),
            "{compression}"
        );
    }
    assert_eq!(Codec::ALL.len(), Compression::ALL.len());
}
