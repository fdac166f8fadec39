//! The tables of the page: the figures of the plots, and more.

use std::time::Duration;

use maud::{Markup, html};

use crate::experiments::compare::outcome::{CodecReport, RunReport};
use crate::experiments::compare::report::Report;
use crate::experiments::compare::sweep::Sweep;
use crate::report::table::Table;
use crate::units::{count, duration, size, times};

/// Writes all tables.
pub(super) fn render(report: &Report) -> Markup {
    html! {
        (sockets(report))
        (producer(report))
        @if let Some(sweep) = &report.sweep { (ratio_by_batch_size(sweep)) }
    }
}

fn sockets(report: &Report) -> Markup {
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
    Table::new(header, 2)
        .with_rows(rows(&report.codecs, row))
        .html(&caption)
}

fn producer(report: &Report) -> Markup {
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
    Table::new(header, 2)
        .with_rows(rows(&report.codecs, row))
        .html("At the producer")
}

fn ratio_by_batch_size(sweep: &Sweep) -> Markup {
    let codecs = sweep.codecs.iter().map(|curve| curve.codec.clone());
    let header = std::iter::once("batch.size".to_owned()).chain(codecs);
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
    Table::new(header, 1).with_rows(rows).html(&caption)
}

/// One row per run.
fn rows(
    codecs: &[CodecReport],
    row: impl Fn(&RunReport) -> Vec<String>,
) -> impl Iterator<Item = Vec<String>> {
    codecs.iter().flat_map(move |codec| {
        codec.runs().map(|(kind, run)| {
            let names = [codec.codec.clone(), kind.to_string()];
            names.into_iter().chain(row(run)).collect()
        })
    })
}
