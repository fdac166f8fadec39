//! The tables of the page: every figure that a plot shows, and those that none does.

use std::time::Duration;

use super::bars::run_name;
use crate::experiments::compare::report::{CodecReport, Report, RunReport};
use crate::report::format::{count, duration, size, times};
use crate::report::html::table;

/// Writes all tables.
pub(crate) fn render(report: &Report) -> String {
    let mut out = sockets(report) + &producer(report);
    if report.sweep.is_some() {
        out.push_str(&sweep(report));
    }
    out
}

fn sockets(report: &Report) -> String {
    let header = [
        "codec",
        "run",
        "requests",
        "batches",
        "records/batch",
        "bytes",
        "bytes/record",
        "vs none",
        "vs input",
        "fill",
    ];
    let row = |run: &RunReport| {
        vec![
            count(run.requests),
            count(run.batches),
            format!("{:.2}", run.records_per_batch),
            count(run.wire_bytes),
            format!("{:.1}", run.wire_bytes_per_record),
            times(run.ratio_to_none),
            times(run.ratio_to_input),
            format!("{:.0} %", (run.fill.mean * 100.0).floor()),
        ]
    };
    let caption = format!("On the wire, counted at {}", report.cluster.counted_at());
    table(&caption, &header.map(str::to_owned), 2, rows(&report.codecs, row))
}

fn producer(report: &Report) -> String {
    let header = [
        "codec",
        "run",
        "records/s",
        "CPU/record",
        "p50",
        "p99",
        "p99.9",
        "longest",
    ];
    let latency = |nanos| duration(Duration::from_nanos(nanos));
    let row = |run: &RunReport| {
        vec![
            count(run.records_per_second.round() as u64),
            run.cpu_ns_per_record
                .map_or_else(|| "n/a".to_owned(), |nanos| latency(nanos as u64)),
            latency(run.latency_ns_p50),
            latency(run.latency_ns_p99),
            latency(run.latency_ns_p999),
            latency(run.latency_ns_max),
        ]
    };
    table(
        "At the producer",
        &header.map(str::to_owned),
        2,
        rows(&report.codecs, row),
    )
}

fn sweep(report: &Report) -> String {
    let Some(sweep) = &report.sweep else {
        return String::new();
    };
    let codecs = sweep.codecs.iter().map(|curve| curve.codec.clone());
    let header: Vec<String> = std::iter::once("batch.size".to_owned()).chain(codecs).collect();
    let rows = sweep.batch_sizes.iter().enumerate().map(|(index, batch_size)| {
        let name = match batch_size {
            0 => "one record".to_owned(),
            bytes => format!("{} KiB", bytes >> 10),
        };
        let points = sweep.codecs.iter().map(|curve| curve.points[index]);
        let cells = points.map(|point| {
            let bytes = size(point.batch_bytes as f64);
            format!("{} ({bytes})", times(point.ratio_to_input))
        });
        std::iter::once(name).chain(cells).collect()
    });
    let caption = format!(
        "Ratio against batch size, and bytes of the batches: {} records ({}), encoded and not sent",
        count(sweep.records),
        size(sweep.bytes as f64)
    );
    table(&caption, &header, 1, rows)
}

/// One row per run.
fn rows(
    codecs: &[CodecReport],
    row: impl Fn(&RunReport) -> Vec<String>,
) -> impl Iterator<Item = Vec<String>> {
    codecs
        .iter()
        .flat_map(CodecReport::runs)
        .zip(names(codecs))
        .map(move |((kind, run), codec)| {
            let mut cells = vec![codec, run_name(kind).to_owned()];
            cells.extend(row(run));
            cells
        })
}

/// The codec of each run.
fn names(codecs: &[CodecReport]) -> impl Iterator<Item = String> {
    codecs
        .iter()
        .flat_map(|codec| [codec.codec.clone(), codec.codec.clone()])
}
