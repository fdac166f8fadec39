//! The end of the page: how it was measured, how to repeat it, and what to keep in mind.

use std::time::Duration;

use maud::{Markup, html};

use crate::experiments::compare::report::{ClusterReport, Report};
use crate::experiments::compare::text;
use crate::units::{bytes, count, duration};

/// Writes settings, command and caveats.
pub(super) fn render(report: &Report) -> Markup {
    html! {
        h2 { "How it was measured" }
        dl class="settings" {
            @for (name, value) in settings(report) { div { dt { (name) } dd { (value) } } }
        }
        p { (text::proof(report)) }
        h2 { "To repeat it" }
        pre { code { (report.command) } }
        h2 { "Before you draw conclusions" }
        ul {
            @for caveat in caveats(report) { li { (caveat) } }
            @for note in &report.notes { li { "This time: " (note) } }
        }
        footer {
            "sim " (env!("CARGO_PKG_VERSION"))
            ". The folder of this page has the same as results.csv and results.json."
        }
    }
}

fn settings(report: &Report) -> Vec<(&'static str, String)> {
    let (input, settings) = (&report.input, &report.settings);
    let mut list = vec![
        ("records", input.source.clone()),
        ("number of records", count(input.records)),
        ("their size", bytes(input.bytes)),
    ];
    if let Some(seed) = input.seed {
        list.push(("seed", seed.to_string()));
    }
    list.extend([
        ("arrival rate", format!("{} records/s", count(settings.rate))),
        ("batch.size", bytes(settings.batch_size as u64)),
        ("linger, first run", "0".to_owned()),
        (
            "linger, full run",
            duration(Duration::from_secs_f64(settings.linger_full_ms / 1000.0)),
        ),
        ("acks", settings.acks.to_owned()),
        ("enable.idempotence", settings.idempotence.to_string()),
        ("max.request.size", bytes(settings.max_request_size as u64)),
        ("partitions", count(settings.partitions.into())),
        ("brokers", count(settings.brokers.into())),
        ("replicas", settings.replication_factor.to_string()),
    ]);
    match &report.cluster {
        ClusterReport::Embedded => list.push(("cluster", "simulated, new for each run".to_owned())),
        ClusterReport::Real(cluster) => {
            let unknown = || "unknown".to_owned();
            list.extend([
                ("cluster", cluster.cluster_id.clone().unwrap_or_else(unknown)),
                ("bootstrap", cluster.bootstrap.clone()),
                ("version", cluster.version.clone().unwrap_or_else(unknown)),
                ("topic", cluster.topic_in_words()),
            ]);
        }
    }
    if let Some(latency) = &settings.ack_latency {
        list.push(("ack latency", latency.clone()));
    }
    list.push(("bytes counted at", report.cluster.counted_at().to_owned()));
    list
}

fn caveats(report: &Report) -> Vec<&'static str> {
    let mut list = vec![
        "Bytes, batches and ratios follow from the records and the settings, hardly from the machine: another machine \
         gives the same within a percent or two. Other records give others; measure your own with --input.",
        "CPU time and latency are this machine's, on this day, with what else it did. Compare the two runs of a codec, \
         not these figures with another machine's.",
        "The arrival rate is no throughput. It is low, so that with linger=0 no record finds another to share a batch \
         with; what a producer could do at most is nearer to one second divided by CPU/record.",
        "The latency of a full run is the wait for the batch to fill. It shrinks as the rate rises; at a high rate a \
         short linger fills the same batches.",
    ];
    list.push(match &report.cluster {
        ClusterReport::Embedded => {
            "The brokers are simulated and on the same machine: their answers cost no network and no disk."
        }
        ClusterReport::Real(_) => {
            "The brokers served others too, if they have others. The bytes are those that this producer handed to its \
             sockets, retries included; TCP, IP and TLS add theirs."
        }
    });
    if report.sweep.is_some() {
        list.push(
            "Ratio against batch size leaves the requests out, so that it lies a little above the ratio of a run with \
             the same batch size.",
        );
    }
    list
}
