//! The report as CSV: one line per run.

use super::outcome::{CodecReport, Kind, RunReport};
use super::report::{ClusterReport, RealCluster, Report};
use crate::report::csv::{self, known};

/// One run, with the report that it is part of.
struct Row<'a> {
    report: &'a Report,
    codec: &'a CodecReport,
    kind: Kind,
    run: &'a RunReport,
}

/// A column: its name, and the field of a row. An unknown value is an empty field.
type Column = (&'static str, fn(&Row<'_>) -> String);

/// The columns, in their order. The JSON uses the same names.
const COLUMNS: [Column; 38] = [
    ("codec", |row| row.codec.codec.clone()),
    ("level", |row| known(row.codec.level)),
    ("run", |row| row.kind.to_string()),
    ("linger_ms", |row| match row.kind {
        Kind::Unbatched => "0".to_owned(),
        Kind::Full => format!("{:.3}", row.report.settings.linger_full_ms),
    }),
    ("batch_size", |row| row.report.settings.batch_size.to_string()),
    ("rate", |row| row.report.settings.rate.to_string()),
    ("acks", |row| row.report.settings.acks.to_owned()),
    ("partitions", |row| row.report.settings.partitions.to_string()),
    ("brokers", |row| row.report.settings.brokers.to_string()),
    ("replication_factor", |row| {
        row.report.settings.replication_factor.to_string()
    }),
    ("ack_latency", |row| {
        known(row.report.settings.ack_latency.as_ref())
    }),
    ("source", |row| row.report.input.source.clone()),
    ("seed", |row| known(row.report.input.seed)),
    ("records", |row| row.run.records.to_string()),
    ("input_bytes", |row| row.report.input.bytes.to_string()),
    ("requests", |row| row.run.requests.to_string()),
    ("batches", |row| row.run.batches.to_string()),
    ("records_per_batch", |row| {
        format!("{:.3}", row.run.records_per_batch)
    }),
    ("wire_bytes", |row| row.run.wire_bytes.to_string()),
    ("wire_bytes_per_record", |row| {
        format!("{:.3}", row.run.wire_bytes_per_record)
    }),
    ("ratio_to_none", |row| format!("{:.4}", row.run.ratio_to_none)),
    ("ratio_to_input", |row| format!("{:.4}", row.run.ratio_to_input)),
    ("records_per_second", |row| {
        format!("{:.1}", row.run.records_per_second)
    }),
    ("cpu_ns_per_record", |row| {
        known(row.run.cpu_ns_per_record.map(|nanos| nanos.round() as u64))
    }),
    ("latency_ns_p50", |row| row.run.latency_ns_p50.to_string()),
    ("latency_ns_p99", |row| row.run.latency_ns_p99.to_string()),
    ("latency_ns_p999", |row| row.run.latency_ns_p999.to_string()),
    ("latency_ns_max", |row| row.run.latency_ns_max.to_string()),
    ("fill", |row| format!("{:.4}", row.run.fill.mean)),
    ("fair", |row| row.report.is_fair().to_string()),
    ("fill_least", |row| format!("{:.4}", row.run.fill.least)),
    ("idempotence", |row| row.report.settings.idempotence.to_string()),
    ("max_request_size", |row| {
        row.report.settings.max_request_size.to_string()
    }),
    ("input_truncated", |row| row.report.input.more.to_string()),
    ("counted_at", |row| match row.report.cluster {
        ClusterReport::Embedded => "brokers".to_owned(),
        ClusterReport::Real(_) => "producer".to_owned(),
    }),
    ("cluster_id", |row| {
        known(real(row).and_then(|cluster| cluster.cluster_id.as_ref()))
    }),
    ("bootstrap", |row| {
        known(real(row).map(|cluster| &cluster.bootstrap))
    }),
    ("topic", |row| known(real(row).map(|cluster| &cluster.topic))),
];

/// Writes a header and one line per run. `fair` is the verdict on the whole comparison.
pub fn render(report: &Report) -> String {
    let runs = |codec| CodecReport::runs(codec).map(|(kind, run)| (codec, kind, run));
    let rows = report.codecs.iter().flat_map(runs);
    csv::document(
        &COLUMNS,
        rows.map(|(codec, kind, run)| Row {
            report,
            codec,
            kind,
            run,
        }),
    )
}

fn real<'a>(row: &Row<'a>) -> Option<&'a RealCluster> {
    match &row.report.cluster {
        ClusterReport::Embedded => None,
        ClusterReport::Real(cluster) => Some(cluster),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{report, unfair_report};
    use super::*;

    /// The lines, read by the csv crate. The first is the header.
    fn parse(text: &str) -> Vec<Vec<String>> {
        assert!(text.ends_with("\r\n"), "the last line ends too");
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        let lines = reader
            .records()
            .map(|line| line.expect("a line of as many fields"));
        lines
            .map(|line| line.iter().map(str::to_owned).collect())
            .collect()
    }

    /// The field of the run in `line` (from 1), by the name of its column.
    fn field(lines: &[Vec<String>], line: usize, name: &str) -> String {
        let mut columns = lines[0].iter();
        let column = columns.position(|column| column == name).expect("the column");
        lines[line][column].clone()
    }

    #[test]
    fn the_header_is_what_scripts_rely_on() {
        let text = render(&report());
        assert_eq!(
            text.lines().next(),
            Some(
                "codec,level,run,linger_ms,batch_size,rate,acks,partitions,brokers,replication_factor,\
                 ack_latency,source,seed,records,input_bytes,requests,batches,records_per_batch,wire_bytes,\
                 wire_bytes_per_record,ratio_to_none,ratio_to_input,records_per_second,cpu_ns_per_record,\
                 latency_ns_p50,latency_ns_p99,latency_ns_p999,latency_ns_max,fill,fair,fill_least,\
                 idempotence,max_request_size,input_truncated,counted_at,cluster_id,bootstrap,topic"
            )
        );
    }

    #[test]
    fn every_run_is_a_line_with_all_fields() {
        let lines = parse(&render(&report()));
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.len() == COLUMNS.len()), "{lines:?}");
        let check = |line, name, expected: &str| assert_eq!(field(&lines, line, name), expected, "{name}");
        check(1, "codec", "none");
        check(1, "level", "");
        check(1, "run", "linger=0");
        check(1, "linger_ms", "0");
        check(4, "codec", "zstd:5");
        check(4, "level", "5");
        check(4, "run", "full");
        check(4, "linger_ms", "395.000");
        check(4, "batch_size", "16384");
        check(4, "seed", "1");
        check(4, "input_bytes", "280000");
        check(4, "batches", "20");
        check(4, "wire_bytes", "60000");
        check(4, "wire_bytes_per_record", "60.000");
        check(4, "latency_ns_p999", "4100000");
        check(4, "fair", "true");
        check(4, "counted_at", "brokers");
        check(4, "topic", "");
    }

    #[test]
    fn a_name_with_commas_quotes_and_line_breaks_stays_one_field() {
        let mut report = report();
        report.input.source = "logs, \"old\"\r\nand\nnew.log".to_owned();
        report.input.seed = None;
        let lines = parse(&render(&report));
        assert_eq!(lines.len(), 5);
        assert_eq!(field(&lines, 2, "source"), report.input.source);
        assert_eq!(field(&lines, 2, "seed"), "");
    }

    #[test]
    fn an_unfair_comparison_is_marked_on_every_line() {
        let lines = parse(&render(&unfair_report()));
        assert!((1..lines.len()).all(|line| field(&lines, line, "fair") == "false"));
    }
}
