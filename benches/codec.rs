//! A batch on its way through the codec: append, close, encode, stamp; and back: parse, sum, walk,
//! decompress.
//!
//! `cargo bench --bench codec`. Times of `append`, `encode` and `walk` are per batch of 16 KiB of
//! records with a value of 100 bytes; divide by the 142 records that the throughput line counts.
//! Codecs work on 64 KiB of structured log lines of about 1 KB. Every input is made by arithmetic
//! from a constant, so runs compare.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use linger_protocol::records::{
    BatchBuilder, BatchView, Compression, Decompressor, EncodedRecords, RawBatch, Record, Scratch, Stamp,
    crc32c,
};

const BATCH_SIZE: usize = 16 << 10;
const TIMESTAMP: i64 = 1_790_000_000_000;
const STAMP: Stamp = Stamp {
    producer_id: 4_711,
    producer_epoch: 3,
    base_sequence: 1_000_000,
};

fn plain_record(value: &[u8]) -> Record<'_> {
    Record {
        value: Some(value),
        ..Record::default()
    }
}

/// Appends until the next record would make the batch larger than `BATCH_SIZE` with its header.
fn fill<'a>(builder: &mut BatchBuilder, record: impl Fn(u32) -> Record<'a>) {
    loop {
        let (record, timestamp) = (
            record(builder.count()),
            TIMESTAMP + i64::from(builder.count()) / 50,
        );
        let size = builder.next_size(&record, timestamp);
        if 61 + builder.len() + size > BATCH_SIZE {
            return;
        }
        builder.append_sized(&record, timestamp, size);
    }
}

fn filled(value: &[u8]) -> RawBatch {
    let mut builder = BatchBuilder::new(Vec::with_capacity(BATCH_SIZE));
    fill(&mut builder, |_| plain_record(value));
    builder.close()
}

fn whole(encoded: &EncodedRecords) -> Vec<u8> {
    let mut bytes = encoded.header(STAMP, false).to_vec();
    bytes.extend_from_slice(&encoded.body);
    bytes
}

fn write(c: &mut Criterion) {
    let value = vec![b'v'; 100];
    let count = filled(&value).count;
    let mut group = c.benchmark_group("write_16KiB");
    group.throughput(Throughput::Elements(u64::from(count)));

    let mut buffer = Vec::with_capacity(BATCH_SIZE);
    group.bench_function("append", |b| {
        b.iter(|| {
            let mut builder = BatchBuilder::new(std::mem::take(&mut buffer));
            fill(&mut builder, |_| plain_record(black_box(&value)));
            buffer = builder.close().records;
        });
    });
    let key = [b'k'; 10];
    group.bench_function("append_keyed", |b| {
        b.iter(|| {
            let mut builder = BatchBuilder::new(std::mem::take(&mut buffer));
            fill(&mut builder, |_| Record {
                key: Some(black_box(&key)),
                ..plain_record(black_box(&value))
            });
            buffer = builder.close().records;
        });
    });
    let mut scratch = Scratch::new();
    group.bench_function("append_encode_stamp", |b| {
        b.iter(|| {
            let mut builder = BatchBuilder::new(std::mem::take(&mut buffer));
            fill(&mut builder, |_| plain_record(black_box(&value)));
            let encoded = builder.close().encode(Compression::None, &mut scratch);
            black_box(encoded.header(black_box(STAMP), false));
            buffer = encoded.body;
        });
    });
    group.finish();

    let encoded = filled(&value).encode(Compression::None, &mut scratch);
    let mut group = c.benchmark_group("seal");
    group.bench_function("crc_16KiB", |b| b.iter(|| crc32c(black_box(&encoded.body))));
    group.bench_function("header", |b| b.iter(|| encoded.header(black_box(STAMP), false)));
    group.finish();
}

fn read(c: &mut Criterion) {
    let encoded = filled(&[b'v'; 100]).encode(Compression::None, &mut Scratch::new());
    let bytes = whole(&encoded);
    let mut group = c.benchmark_group("read_16KiB");
    group.throughput(Throughput::Elements(u64::from(encoded.count)));
    group.bench_function("verify_crc", |b| {
        b.iter(|| {
            BatchView::parse(black_box(&bytes))
                .expect("whole batch")
                .verify_crc()
        });
    });
    group.bench_function("walk", |b| {
        b.iter(|| {
            let view = BatchView::parse(black_box(&bytes)).expect("whole batch");
            let records = view.records(0).expect("not compressed");
            let mut timestamp_max = i64::MIN;
            for (index, record) in records.iter().enumerate() {
                let record = record.expect("whole record");
                assert_eq!(record.offset_delta, index as i32);
                timestamp_max = timestamp_max.max(record.timestamp_delta);
            }
            timestamp_max
        });
    });
    group.finish();
}

/// A log line of about 1 KB, most of it alike from line to line, as structured logs are.
fn log_line(index: u64) -> String {
    let noise = index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    let level = ["INFO", "INFO", "INFO", "WARN", "ERROR"][(noise % 5) as usize];
    let service = ["checkout", "inventory", "payments", "search"][(noise / 5 % 4) as usize];
    let mut line = format!(
        "{{\"timestamp\":\"2026-11-21T12:{:02}:{:02}.{:03}Z\",\"level\":\"{level}\",\"service\":\"{service}\",\
         \"host\":\"{service}-{:02}.eu-central\",\"trace_id\":\"{noise:016x}\",\"duration_ms\":{}",
        index / 60 % 60,
        index % 60,
        noise % 1_000,
        noise % 40,
        noise % 2_500,
    );
    for attribute in 0..14u64 {
        let value = noise.rotate_left(attribute as u32 * 4) % 100_000;
        line.push_str(&format!(
            ",\"http.request.attribute_{attribute}\":\"{service}/value-{value}\""
        ));
    }
    line.push('}');
    line
}

fn codecs(c: &mut Criterion) {
    const INPUT_SIZE: usize = 64 << 10;
    let mut builder = BatchBuilder::new(Vec::with_capacity(INPUT_SIZE));
    let mut index = 0;
    while builder.len() < INPUT_SIZE {
        builder.append(&plain_record(log_line(index).as_bytes()), TIMESTAMP);
        index += 1;
    }
    let raw = builder.close();
    let mut scratch = Scratch::new();
    let mut decompressor = Decompressor::new();
    let settings = [
        Compression::Gzip { level: 1 },
        Compression::GZIP,
        Compression::Snappy,
        Compression::LZ4,
        Compression::Zstd { level: 1 },
        Compression::ZSTD,
    ];
    for compression in settings {
        let name = format!("{}_{}", compression.codec(), compression.level().unwrap_or(0));
        let encoded = raw.clone().encode(compression, &mut scratch);
        assert_eq!(encoded.codec, compression.codec());
        eprintln!(
            "{compression}: {} records, {} -> {} bytes, ratio {:.2}",
            raw.count,
            raw.records.len(),
            encoded.body.len(),
            raw.records.len() as f64 / encoded.body.len() as f64
        );
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(raw.records.len() as u64));
        group.bench_function("encode", |b| {
            b.iter_batched(
                || raw.clone(),
                |raw| raw.encode(compression, &mut scratch),
                BatchSize::SmallInput,
            );
        });
        group.bench_function("decode", |b| {
            b.iter(|| {
                let unpacked = decompressor.decompress(encoded.codec, black_box(&encoded.body), 1 << 20);
                unpacked.expect("own bytes").len()
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(700))
        .sample_size(20);
    targets = write, read, codecs
}
criterion_main!(benches);
