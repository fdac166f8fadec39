//! A batch alone: read back, and compressed.

use std::hint::black_box;

use linger_protocol::records::{
    BatchBuilder, BatchView, Compression, HEADER_SIZE, RawBatch, Record, Scratch, Stamp,
};

use crate::{BATCH_SIZE, TIMESTAMP, value};

const COMPRESSED_SIZE: usize = 64 << 10;

/// A batch of equal records without a codec, as large as `batch.size` allows.
pub(crate) fn encoded() -> Vec<u8> {
    let value = value();
    let record = Record {
        value: Some(&value),
        ..Record::default()
    };
    let mut builder = BatchBuilder::new(Vec::with_capacity(BATCH_SIZE));
    while HEADER_SIZE + builder.len() + builder.next_size(&record, TIMESTAMP) <= BATCH_SIZE {
        builder.append(&record, TIMESTAMP);
    }
    let encoded = builder.close().encode(Compression::None, &mut Scratch::new());
    let mut bytes = encoded.header(Stamp::NONE, false).to_vec();
    bytes.extend_from_slice(&encoded.body);
    bytes
}

/// Parse, checksum, and each record.
pub(crate) fn decode(records: u64) -> u64 {
    let bytes = encoded();
    let mut decoded = 0;
    while decoded < records {
        let batch = BatchView::parse(black_box(&bytes)).expect("a whole batch");
        batch.verify_crc().expect("its checksum");
        let lies = batch.records(0).expect("without a codec");
        for record in lies.iter() {
            let record = black_box(record.expect("a whole record"));
            assert!(record.value.is_some());
            decoded += 1;
        }
    }
    decoded
}

pub(crate) fn lz4(kib: u64) -> u64 {
    compress(kib, Compression::LZ4)
}

pub(crate) fn zstd(kib: u64) -> u64 {
    compress(kib, Compression::ZSTD)
}

fn compress(kib: u64, compression: Compression) -> u64 {
    let raw = lines();
    let mut scratch = Scratch::new();
    let mut bytes = 0;
    while bytes < kib << 10 {
        let encoded = black_box(raw.clone()).encode(compression, &mut scratch);
        assert_eq!(encoded.codec, compression.codec());
        bytes += raw.records.len() as u64;
        black_box(encoded);
    }
    bytes >> 10
}

/// JSON lines of about 1 KB, much of them alike from line to line, as structured logs are.
fn lines() -> RawBatch {
    let mut builder = BatchBuilder::new(Vec::with_capacity(COMPRESSED_SIZE + (2 << 10)));
    let mut noise = 1_u64;
    while builder.len() < COMPRESSED_SIZE {
        let line = line(&mut noise);
        let record = Record {
            value: Some(line.as_bytes()),
            ..Record::default()
        };
        builder.append(&record, TIMESTAMP);
    }
    builder.close()
}

fn line(noise: &mut u64) -> String {
    let mut draw = |below: u64| {
        *noise = noise
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (*noise >> 33) % below
    };
    let level = ["info", "info", "info", "warning", "error"][draw(5) as usize];
    let mut line = format!("{{\"level\":\"{level}\",\"request\":\"{:08x}\"", draw(1 << 31));
    for field in 0..24 {
        let value = draw(100_000);
        line.push_str(&format!(",\"service.attribute_{field}\":\"value-{value}\""));
    }
    line.push('}');
    line
}
