//! The report as one JSON object.

use serde::Serialize;

use super::report::Report;
use crate::report::json;

/// The version of the format. It grows when a field is renamed or removed, not when one is added.
const FORMAT: u32 = 1;

/// Writes the report as one indented object.
pub fn render(report: &Report) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        format: u32,
        fair: bool,
        bytes_counted_at: &'a str,
        #[serde(flatten)]
        report: &'a Report,
    }
    json::document(&Document {
        format: FORMAT,
        fair: report.is_fair(),
        bytes_counted_at: report.cluster.counted_at(),
        report,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::compare::fixtures::{report, unfair_report};

    fn parse(report: &Report) -> serde_json::Value {
        serde_json::from_str(&render(report)).expect("JSON")
    }

    #[test]
    fn the_document_holds_every_run_and_the_conclusion() {
        let document = parse(&report());
        assert_eq!(document["format"], 1);
        assert_eq!(document["fair"], true);
        assert_eq!(document["codecs"][1]["codec"], "zstd:5");
        assert_eq!(document["codecs"][1]["full"]["wire_bytes"], 60_000);
        assert_eq!(document["codecs"][0]["linger_0"]["records_per_batch"], 1.0);
        assert!(
            document["amortised"]["sentence"]
                .as_str()
                .is_some_and(|text| text.starts_with("Amortised"))
        );
    }

    #[test]
    fn an_unfair_comparison_says_so_and_why() {
        let document = parse(&unfair_report());
        assert_eq!(document["fair"], false);
        assert!(
            document["unfair"][0]
                .as_str()
                .is_some_and(|text| text.contains("40 % full")),
            "{document}"
        );
    }
}
