//! The report for spreadsheets: one line per run, in the format of RFC 4180.

use std::borrow::Cow;

use crate::experiments::compare::report::{ClusterReport, CodecReport, Kind, RealCluster, Report, RunReport};

/// What ends a line (RFC 4180, section 2).
const LINE_END: &str = "\r\n";

/// One run, with all that it was part of.
struct Row<'a> {
    report: &'a Report,
    codec: &'a CodecReport,
    kind: Kind,
    run: &'a RunReport,
}

/// A column: its name, and what a row has in it. What is not known is an empty field.
type Column = (&'static str, fn(&Row<'_>) -> String);

/// The columns, in their order. Names are those of the JSON object, where it has the same.
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

/// Writes a header and the report's runs. `fair` is that of the whole comparison.
pub fn render(report: &Report) -> String {
    let mut out = line(COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    for codec in &report.codecs {
        for (kind, run) in codec.runs() {
            let row = Row {
                report,
                codec,
                kind,
                run,
            };
            out.push_str(&line(COLUMNS.iter().map(|(_, field)| field(&row))));
        }
    }
    out
}

fn real<'a>(row: &Row<'a>) -> Option<&'a RealCluster> {
    match &row.report.cluster {
        ClusterReport::Embedded => None,
        ClusterReport::Real(cluster) => Some(cluster),
    }
}

fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = fields.map(|field| quoted(&field).into_owned()).collect();
    fields.join(",") + LINE_END
}

/// The field as it may stand between commas: names of files are whatever someone chose.
fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\"")).into()
    } else {
        field.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::compare::report::tests::{report, unfair_report};

    /// Reads what RFC 4180 allows, and nothing else.
    fn parse(text: &str) -> Vec<Vec<String>> {
        let (mut lines, mut fields, mut field) = (Vec::new(), Vec::new(), String::new());
        let mut rest = text.chars().peekable();
        while let Some(letter) = rest.next() {
            match letter {
                '"' => {
                    assert!(field.is_empty(), "a quote within a field that has none around it");
                    loop {
                        match rest.next().expect("the closing quote") {
                            '"' if rest.peek() == Some(&'"') => field.extend(rest.next()),
                            '"' => break,
                            other => field.push(other),
                        }
                    }
                    assert!(
                        matches!(rest.peek(), Some(',' | '\r')),
                        "a closing quote ends the field"
                    );
                }
                ',' => fields.push(std::mem::take(&mut field)),
                '\r' => {
                    assert_eq!(rest.next(), Some('\n'), "a line ends with CRLF");
                    fields.push(std::mem::take(&mut field));
                    lines.push(std::mem::take(&mut fields));
                }
                '\n' => panic!("a line break without CR outside of quotes"),
                other => field.push(other),
            }
        }
        assert!(
            field.is_empty() && fields.is_empty(),
            "the last line is ended too"
        );
        lines
    }

    /// The field of the run in `line` (from 1) by its column's name.
    fn field(lines: &[Vec<String>], line: usize, name: &str) -> String {
        let column = lines[0]
            .iter()
            .position(|column| column == name)
            .expect("the column");
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
