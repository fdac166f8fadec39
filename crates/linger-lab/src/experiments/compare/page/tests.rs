//! That the page is well formed, complete, and safe whatever an input is called.

use linger_protocol::records::Compression;

use super::*;
use crate::experiments::compare::report::tests::{report, unfair_report};
use crate::experiments::compare::report::{ClusterReport, RealCluster};
use crate::experiments::compare::sweep::sweep;
use crate::workload::generator::generate;

/// Reads well-formed XML without CDATA and comments; panics at anything else. Gives the names of the elements, and the
/// text between them and in their attributes.
fn parse(page: &str) -> (Vec<String>, String) {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("an HTML page");
    let (mut names, mut open, mut text) = (Vec::new(), Vec::new(), String::new());
    while let Some(start) = rest.find('<') {
        text.push_str(&unescape(&rest[..start]));
        let end = start + rest[start..].find('>').expect("a tag is closed");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "a tag within a tag: {tag}");
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "elements nest");
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let name = tag
            .split_whitespace()
            .next()
            .expect("an element's name")
            .to_owned();
        assert!(
            name.chars().all(|letter| letter.is_ascii_alphanumeric()),
            "{name}"
        );
        attributes(&tag[name.len()..], &mut text);
        names.push(name.clone());
        if !is_empty {
            open.push(name);
        }
    }
    assert_eq!(rest.trim(), "", "text behind the last element");
    assert!(open.is_empty(), "left open: {open:?}");
    (names, text)
}

fn attributes(tag: &str, text: &mut String) {
    let (mut rest, mut names) = (tag.trim(), Vec::new());
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once("=\"")
            .expect("an attribute has a value in quotes");
        let (value, after) = after.split_once('"').expect("the value's end");
        assert!(
            name.chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '-'),
            "{name}"
        );
        assert!(!names.contains(&name), "{name} twice");
        names.push(name);
        text.push_str(&format!(" {} ", unescape(value)));
        assert!(
            after.is_empty() || after.starts_with(char::is_whitespace),
            "{after}"
        );
        rest = after.trim_start();
    }
}

/// Text as it was before it was escaped; a bare ampersand is refused.
fn unescape(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').expect("an entity's end");
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            other => panic!("XML has no entity {other}"),
        });
        out.push_str(rest);
    }
    assert!(
        !out.contains(|letter: char| letter.is_control() && letter != '\n'),
        "{out:?}"
    );
    out
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
    assert!(page.contains(GENERATOR) && page.find(GENERATOR) < Some(200));
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
