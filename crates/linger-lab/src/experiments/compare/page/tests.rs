//! The page is well formed, complete, and safe whatever the name of an input is.

use linger_protocol::records::Compression;

use super::super::fixtures::{report, unfair_report};
use super::super::outcome::CodecReport;
use super::super::report::{ClusterReport, RealCluster};
use super::super::sweep::sweep;
use super::*;
use crate::report::html::generator_tag;
use crate::workload::generator::generate;

fn render(report: &Report) -> String {
    super::render(report, "sim compare")
}

/// The names of the elements of a page, and its text, attributes included. The page must be
/// well-formed XML.
fn parse(page: &str) -> (Vec<String>, String) {
    let xml = page.strip_prefix("<!DOCTYPE html>").expect("an HTML page");
    let document = roxmltree::Document::parse(xml).expect("well-formed XML");
    let (mut names, mut text) = (Vec::new(), String::new());
    for node in document.descendants() {
        if node.is_element() {
            names.push(node.tag_name().name().to_owned());
        }
        let attributes = node.attributes().map(|attribute| attribute.value());
        for part in attributes.chain(node.text().filter(|_| node.is_text())) {
            text.push_str(part);
            text.push(' ');
        }
    }
    (names, text)
}

/// A report with everything that a page can show.
fn whole_report() -> Report {
    let codecs = ["none", "zstd:5"].map(|name| name.parse::<Compression>().expect("a codec"));
    Report {
        sweep: Some(sweep(&generate(900, 1), 2, 3000, &codecs)),
        notes: vec!["records arrived late & slowly.".to_owned()],
        ..report()
    }
}

fn check_shows(text: &str, expected: &str) {
    assert!(text.contains(expected), "{expected} is missing");
}

#[test]
fn the_page_shows_every_figure_setting_and_conclusion() {
    let report = whole_report();
    let (names, text) = parse(&render(&report));
    let count_of = |name: &str| names.iter().filter(|found| *found == name).count();
    // Five plots, and the shapes that they share.
    assert_eq!(
        (
            count_of("figure"),
            count_of("svg"),
            count_of("title"),
            count_of("desc")
        ),
        (5, 6, 6, 5)
    );
    assert_eq!(
        (
            count_of("table"),
            count_of("script"),
            count_of("link"),
            count_of("img")
        ),
        (3, 0, 0, 0)
    );
    for (_, run) in report.codecs.iter().flat_map(CodecReport::runs) {
        for figure in [run.requests, run.batches, run.wire_bytes] {
            check_shows(&text, &count(figure));
        }
        for figure in [run.ratio_to_input, run.ratio_to_none] {
            check_shows(&text, &times(figure));
        }
        for figure in [
            run.latency_ns_p50,
            run.latency_ns_p99,
            run.latency_ns_p999,
            run.latency_ns_max,
        ] {
            check_shows(&text, &duration(Duration::from_nanos(figure)));
        }
        check_shows(&text, &format!("{:.1}", run.wire_bytes_per_record));
        check_shows(&text, &count(run.records_per_second.round() as u64));
        check_shows(
            &text,
            &duration(Duration::from_nanos(run.cpu_ns_per_record.expect("known") as u64)),
        );
    }
    for curve in &report.sweep.as_ref().expect("asked for").codecs {
        for point in &curve.points {
            check_shows(&text, &times(point.ratio_to_input));
            check_shows(&text, &size(point.batch_bytes as f64));
        }
    }
    for expected in [
        "16,384 bytes",
        "395 ms",
        "4,000 records/s",
        "generated logs",
        "sim compare --limit 1000",
        "counted at the brokers' sockets",
        "This time: records arrived late & slowly.",
        &report.amortised.as_ref().expect("a conclusion").sentence,
    ] {
        check_shows(&text, expected);
    }
}

#[test]
fn an_inputs_name_is_never_markup() {
    let mut report = whole_report();
    let hostile = "</title></style><script>alert('1')</script>\" onload=\"x\u{1b}\u{0} & more";
    report.input.source = hostile.to_owned();
    report.command = format!("sim compare --input '{hostile}'");
    let page = render(&report);
    assert!(
        !page.contains("<script") && !page.contains("onload=\"x"),
        "markup"
    );
    let (names, text) = parse(&page);
    assert!(!names.contains(&"script".to_owned()));
    check_shows(
        &text,
        "</title></style><script>alert('1')</script>\" onload=\"x\u{fffd}\u{fffd} & more",
    );
}

#[test]
fn the_page_is_light_and_dark_and_fetches_nothing() {
    let page = render(&whole_report());
    for expected in [
        "prefers-color-scheme: dark",
        "color-scheme: light dark",
        "width=device-width",
    ] {
        assert!(page.contains(expected), "{expected} is missing");
    }
    for foreign in [
        "http:", "https:", "url(", "@import", "src=", "<link", "file:", "data:",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(
        page.find(&generator_tag("sim compare")) < Some(200) && page.contains(&generator_tag("sim compare"))
    );
}

#[test]
fn an_unfair_comparison_has_a_notice_and_no_conclusion() {
    let report = unfair_report();
    let (_, text) = parse(&render(&report));
    check_shows(&text, "Not a fair comparison");
    check_shows(&text, "40 % full");
    assert!(!text.contains(&report.amortised.expect("it was worked out").sentence));
}

#[test]
fn a_page_without_cpu_times_has_no_plot_of_them() {
    let mut report = whole_report();
    for codec in &mut report.codecs {
        codec.unbatched.cpu_ns_per_record = None;
        codec.full.cpu_ns_per_record = None;
    }
    let (names, text) = parse(&render(&report));
    assert_eq!(names.iter().filter(|name| *name == "figure").count(), 4);
    check_shows(&text, "n/a");
}

#[test]
fn a_real_cluster_is_named_with_who_counted() {
    let mut report = whole_report();
    report.settings.ack_latency = None;
    report.cluster = ClusterReport::Real(RealCluster {
        bootstrap: "kafka-1:9092,kafka-2:9092".to_owned(),
        cluster_id: Some("x<y>".to_owned()),
        version: None,
        topic: "compare-1".to_owned(),
        topic_created: true,
    });
    let (_, text) = parse(&render(&report));
    for expected in [
        "Cluster x<y> at kafka-1:9092,kafka-2:9092",
        "counted at the producer's sockets",
        "compare-1 (created and removed)",
    ] {
        check_shows(&text, expected);
    }
    assert!(!text.contains("ack latency"));
}

#[test]
fn many_codecs_are_all_named() {
    let mut report = whole_report();
    let names: Vec<String> = (1..=22).map(|level| format!("zstd:{level}")).collect();
    let codecs: Vec<Compression> = names.iter().map(|name| name.parse().expect("a codec")).collect();
    report.sweep = Some(sweep(&generate(300, 1), 1, 3000, &codecs[..]));
    let (_, text) = parse(&render(&report));
    codecs
        .iter()
        .for_each(|codec| check_shows(&text, &codec.to_string()));
}
