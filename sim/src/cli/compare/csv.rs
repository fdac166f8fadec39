//! The report for spreadsheets: one line per run.

use super::report::{Kind, Report, RunReport};

const HEADER: &str = "codec,run,records,requests,batches,records_per_batch,wire_bytes,ratio_to_none,\
    ratio_to_input,records_per_second,cpu_ns_per_record,latency_ns_p50,latency_ns_p99,latency_ns_p999,\
    latency_ns_max,fill,fair";

/// Writes the report's runs. A number that is not known is an empty field; `fair` is that of the whole
/// comparison.
pub(crate) fn render(report: &Report) -> String {
    let mut out = format!("{HEADER}\n");
    for codec in &report.codecs {
        for (kind, run) in codec.runs() {
            out.push_str(&row(&codec.codec, kind, run, report.is_fair()));
            out.push('\n');
        }
    }
    out
}

/// No field needs quotes: codecs are words with a level, all else is numbers.
fn row(codec: &str, kind: Kind, run: &RunReport, is_fair: bool) -> String {
    [
        codec.to_owned(),
        kind.to_string(),
        run.records.to_string(),
        run.requests.to_string(),
        run.batches.to_string(),
        format!("{:.3}", run.records_per_batch),
        run.wire_bytes.to_string(),
        format!("{:.4}", run.ratio_to_none),
        format!("{:.4}", run.ratio_to_input),
        format!("{:.1}", run.records_per_second),
        run.cpu_ns_per_record
            .map_or(String::new(), |nanos| format!("{nanos:.0}")),
        run.latency_ns_p50.to_string(),
        run.latency_ns_p99.to_string(),
        run.latency_ns_p999.to_string(),
        run.latency_ns_max.to_string(),
        format!("{:.4}", run.fill.mean),
        is_fair.to_string(),
    ]
    .join(",")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{report, unfair_report};
    use super::*;

    #[test]
    fn every_run_is_a_line_with_all_fields() {
        let text = render(&report());
        let fields = HEADER.split(',').count();
        assert_eq!(text.lines().count(), 5);
        assert!(
            text.lines().all(|line| line.split(',').count() == fields),
            "{text}"
        );
        assert!(text.contains("\nzstd:3,full,1000,10,20,50.000,60000,"), "{text}");
    }

    #[test]
    fn an_unfair_comparison_is_marked_on_every_line() {
        assert!(
            render(&unfair_report())
                .lines()
                .skip(1)
                .all(|line| line.ends_with(",false"))
        );
    }
}
