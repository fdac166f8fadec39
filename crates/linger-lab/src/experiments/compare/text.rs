//! The report as text in eighty columns, the conclusion first.

use std::fmt::Write as _;
use std::time::Duration;

use super::fairness::summary;
use super::outcome::{CodecReport, Kind, RunReport};
use super::report::{ClusterReport, Report};
use crate::report::table::{self, Table};
use crate::units::{count, duration, size, times};

/// The width of the text. Names from outside may be longer.
const WIDTH: usize = 80;

/// Writes the whole report.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n", wrap(&subject(report)));
    let _ = writeln!(out, "WHAT FULL BATCHES SAVE\n{}", savings(&report.codecs));
    let _ = writeln!(
        out,
        "AT {}\n{}",
        report.cluster.counted_at().to_uppercase(),
        sockets(&report.codecs)
    );
    let _ = writeln!(out, "AT THE PRODUCER\n{}", producer(&report.codecs));
    for note in &report.notes {
        let _ = writeln!(out, "{}", wrap(&format!("Note: {note}")));
    }
    let _ = writeln!(out, "{}", wrap(&proof(report)));
    if report.is_fair() {
        let _ = writeln!(out, "{}", wrap(&fair(&report.codecs)));
        if let Some(amortised) = &report.amortised {
            let _ = writeln!(out, "{}", wrap(&amortised.sentence));
        }
    }
    for reason in summary(&report.unfair) {
        let _ = writeln!(out, "{}", wrap(&format!("NOT FAIR: {reason}.")));
    }
    out
}

pub(crate) fn subject(report: &Report) -> String {
    let (input, settings) = (&report.input, &report.settings);
    let first = if input.more { "the first " } else { "" };
    let seed = input.seed.map_or(String::new(), |seed| format!(" (seed {seed})"));
    let latency = settings.ack_latency.as_ref();
    let latency = latency.map_or(String::new(), |latency| format!(", ack latency {latency}"));
    let cluster = match &report.cluster {
        ClusterReport::Embedded => String::new(),
        ClusterReport::Real(cluster) => format!(" {}.", cluster.in_words()),
    };
    format!(
        "{first}{} records ({}) of {}{seed} at {} records/s to {} partitions on {} brokers, acks={}, {} \
         replicas{latency}, idempotent.{cluster} linger=0: each record leaves at once. full: it waits for {} \
         bytes (batch.size), at most {} (linger).",
        count(input.records),
        size(input.bytes as f64),
        input.source,
        count(settings.rate),
        settings.partitions,
        settings.brokers,
        settings.acks,
        settings.replication_factor,
        count(settings.batch_size as u64),
        duration(Duration::from_secs_f64(settings.linger_full_ms / 1000.0)),
    )
}

fn savings(codecs: &[CodecReport]) -> String {
    let header = ["codec", "linger=0", "full", "", "linger=0", "full", ""];
    let row = |codec: &CodecReport| {
        let gain = codec
            .cpu_gain()
            .map_or_else(String::new, |gain| format!("{} less", times(gain)));
        vec![
            codec.codec.clone(),
            size(codec.unbatched.wire_bytes as f64),
            size(codec.full.wire_bytes as f64),
            format!("{} less", times(codec.wire_gain())),
            cpu(&codec.unbatched),
            cpu(&codec.full),
            gain,
        ]
    };
    let table = Table::new(header, 1).with_rows(codecs.iter().map(row)).text();
    // The heading of each group of columns is above its first column.
    let starts: Vec<usize> = table.match_indices(header[1]).map(|(start, _)| start).collect();
    let [wire, cpu] = starts[..] else { return table };
    format!(
        "{:wire$}{:width$}CPU per record\n{table}",
        "",
        "wire bytes",
        width = cpu - wire
    )
}

fn sockets(codecs: &[CodecReport]) -> String {
    let header = [
        "codec",
        "run",
        "requests",
        "batches",
        "recs/batch",
        "wire",
        "vs none",
        "vs input",
    ];
    let row = |codec: &str, kind: Kind, run: &RunReport| {
        vec![
            codec.to_owned(),
            kind.to_string(),
            count(run.requests),
            count(run.batches),
            format!("{:.1}", run.records_per_batch),
            size(run.wire_bytes as f64),
            times(run.ratio_to_none),
            times(run.ratio_to_input),
        ]
    };
    Table::new(header, 2).with_rows(rows(codecs, row)).text()
}

fn producer(codecs: &[CodecReport]) -> String {
    let header = ["codec", "run", "records/s", "CPU/record", "p50", "p99", "p99.9"];
    let latency = |nanos| duration(Duration::from_nanos(nanos));
    let row = |codec: &str, kind: Kind, run: &RunReport| {
        vec![
            codec.to_owned(),
            kind.to_string(),
            count(run.records_per_second.round() as u64),
            cpu(run),
            latency(run.latency_ns_p50),
            latency(run.latency_ns_p99),
            latency(run.latency_ns_p999),
        ]
    };
    Table::new(header, 2).with_rows(rows(codecs, row)).text()
}

/// One row per run. The codec is named in the first of its two rows.
fn rows(
    codecs: &[CodecReport],
    row: impl Fn(&str, Kind, &RunReport) -> Vec<String>,
) -> impl Iterator<Item = Vec<String>> {
    codecs.iter().flat_map(move |codec| {
        let [(first_kind, first), (second_kind, second)] = codec.runs();
        [row(&codec.codec, first_kind, first), row("", second_kind, second)]
    })
}

fn cpu(run: &RunReport) -> String {
    run.cpu_ns_per_record.map_or_else(
        || "n/a".to_owned(),
        |nanos| duration(Duration::from_nanos(nanos as u64)),
    )
}

pub(crate) fn proof(report: &Report) -> String {
    format!(
        "Proof: after each of the {} runs the log held the {} records of the input, byte for byte, each \
         once, in order, at the acknowledged offset.",
        report.proof.runs,
        count(report.input.records)
    )
}

fn fair(codecs: &[CodecReport]) -> String {
    let most = codecs
        .iter()
        .map(|codec| codec.unbatched.records_per_batch)
        .fold(0.0, f64::max);
    let least = codecs
        .iter()
        .map(|codec| codec.full.fill.mean)
        .fold(1.0, f64::min);
    format!(
        "Fair: linger=0 averaged at most {most:.2} records per batch (limit 2), and full batches were at \
         least {:.0} % full (limit 80 %, each partition's last batch left out).",
        (least * 100.0).floor()
    )
}

fn wrap(text: &str) -> String {
    table::wrap(text, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{report, unfair_report};
    use super::*;

    #[test]
    fn every_line_fits_eighty_columns() {
        let text = render(&report());
        for line in text.lines() {
            assert!(
                line.chars().count() <= WIDTH,
                "{} columns: {line}",
                line.chars().count()
            );
        }
        assert!(text.contains("zstd:5  linger=0"), "{text}");
        assert!(text.contains("5.00x less"), "{text}");
    }

    #[test]
    fn an_unfair_report_claims_neither_fairness_nor_a_conclusion() {
        let text = render(&unfair_report());
        assert!(!text.contains("Fair:") && !text.contains("Amortised"), "{text}");
        assert!(
            text.contains("\nNOT FAIR: none, full") && text.contains("longer --linger"),
            "{text}"
        );
        assert!(text.contains("Proof:"), "{text}");
    }

    #[test]
    fn where_cpu_time_is_unknown_the_table_says_so() {
        let mut report = report();
        report.codecs[0].full.cpu_ns_per_record = None;
        assert!(render(&report).contains("n/a"));
    }
}
