//! The plots of the page, each with its title, its text, and a description for people who do not
//! see it.

use std::time::Duration;

use maud::{Markup, html};

use super::bars::{self, Bars};
use super::{curves, latencies};
use crate::experiments::compare::outcome::CodecReport;
use crate::experiments::compare::report::Report;
use crate::experiments::compare::sweep::Sweep;
use crate::units::{count, digits, duration, times};

/// Writes all plots.
pub(super) fn render(report: &Report) -> Markup {
    let knows_cpu = |codec: &CodecReport| codec.full.cpu_ns_per_record.is_some();
    html! {
        (ratios(report))
        (bytes(report))
        @if let Some(sweep) = &report.sweep { (ratio_by_batch_size(report, sweep)) }
        (latency(report))
        @if report.codecs.iter().any(knows_cpu) { (cpu(report)) }
    }
}

fn ratios(report: &Report) -> Markup {
    let text = "Bytes of the records divided by bytes on the wire, requests and headers included. Longer is better; \
                below 1x the wire carried more than the records.";
    let values = |codec: &CodecReport| {
        let (zero, full) = (codec.unbatched.ratio_to_input, codec.full.ratio_to_input);
        format!("{} with linger=0, {} full", times(zero), times(full))
    };
    let plot = Bars {
        id: "ratios",
        title: "Compression ratio by codec",
        description: &describe(text, &report.codecs, values),
        value: &|run| Some(run.ratio_to_input),
        label: &times,
        unit: "x",
        reference: Some((1.0, "1x: the records' own size")),
    };
    figure("bars", plot.title, text, bars::draw(&plot, &report.codecs))
}

fn bytes(report: &Report) -> Markup {
    let text = "Requests, headers and compressed records, divided by the records. Shorter is better.";
    let bytes = |value: f64| format!("{} B", digits(value));
    let values = |codec: &CodecReport| {
        let (zero, full) = (&codec.unbatched, &codec.full);
        let [zero, full] = [zero, full].map(|run| bytes(run.wire_bytes_per_record));
        format!("{zero} with linger=0, {full} full")
    };
    let plain = report.input.bytes as f64 / report.input.records as f64;
    let plot = Bars {
        id: "bytes",
        title: "Bytes on the wire per record",
        description: &describe(text, &report.codecs, values),
        value: &|run| Some(run.wire_bytes_per_record),
        label: &bytes,
        unit: " B",
        reference: Some((plain, "a record's own size")),
    };
    figure("bars", plot.title, text, bars::draw(&plot, &report.codecs))
}

fn ratio_by_batch_size(report: &Report, sweep: &Sweep) -> Markup {
    let title = "Ratio against batch size";
    let records = if sweep.is_sample {
        format!("the first {} records", count(sweep.records))
    } else {
        "the same records".to_owned()
    };
    let text = format!(
        "Bytes of the records divided by bytes of the batches. Not sent: {records} were put into batches of each size by \
         the producer's own batch builder and really encoded, codec by codec. The requests around the batches are left \
         out."
    );
    let values = sweep.codecs.iter().filter_map(|curve| {
        let (first, last) = (curve.points.first()?, curve.points.last()?);
        let [first, last] = [first, last].map(|point| times(point.ratio_to_input));
        Some(format!(
            "{}: from {first} with one record per batch to {last}",
            curve.codec
        ))
    });
    let description = format!("{text} {}.", values.collect::<Vec<_>>().join("; "));
    let drawing = curves::draw(sweep, report.settings.batch_size, title, &description);
    figure("curves", title, &text, drawing)
}

fn latency(report: &Report) -> Markup {
    let title = "Latency";
    let text = "From the call of send to the acknowledgement, on a scale of powers of ten; in words p50, p99 and p99.9. \
                A full run's latency is mostly the wait for the batch to fill, at this rate.";
    let values = |codec: &CodecReport| {
        let [zero, full] =
            [&codec.unbatched, &codec.full].map(|run| duration(Duration::from_nanos(run.latency_ns_p50)));
        format!("median {zero} with linger=0, {full} full")
    };
    let description = describe(text, &report.codecs, values);
    figure(
        "latencies",
        title,
        text,
        latencies::draw(&report.codecs, title, &description),
    )
}

fn cpu(report: &Report) -> Markup {
    let text = "User and kernel, of the producer's threads and of the application's own in send. Shorter is better; it \
                depends on the machine.";
    let readable = |nanos: f64| duration(Duration::from_nanos(nanos as u64));
    let values = |codec: &CodecReport| {
        let known = |nanos: Option<f64>| nanos.map_or_else(|| "n/a".to_owned(), readable);
        let [zero, full] = [&codec.unbatched, &codec.full].map(|run| known(run.cpu_ns_per_record));
        format!("{zero} with linger=0, {full} full")
    };
    let plot = Bars {
        id: "cpu",
        title: "CPU time per record",
        description: &describe(text, &report.codecs, values),
        value: &|run| run.cpu_ns_per_record.map(|nanos| nanos / 1000.0),
        label: &|micros| readable(micros * 1000.0),
        unit: " µs",
        reference: None,
    };
    figure("bars", plot.title, text, bars::draw(&plot, &report.codecs))
}

/// The plot in words: its text, and the values of each codec.
fn describe(text: &str, codecs: &[CodecReport], values: impl Fn(&CodecReport) -> String) -> String {
    let values: Vec<String> = codecs
        .iter()
        .map(|codec| format!("{}: {}", codec.codec, values(codec)))
        .collect();
    format!("{text} {}.", values.join("; "))
}

fn figure(class: &str, title: &str, text: &str, drawing: Markup) -> Markup {
    // The plot of latencies is as high as two others.
    let tall = (class == "latencies").then_some("tall");
    html! {
        figure class=[tall] {
            figcaption { h3 { (title) } p { (text) } }
            div class=(class) { (drawing) }
        }
    }
}
