//! The report as a web page: one file of HTML with its style and its drawings inside, for a browser, a mail or an archive.
//!
//! It needs no script and fetches nothing. Its colours follow the reader's light or dark, its columns the width of the
//! window. It is well-formed XML, so that a mistake in it does not hide.
//!
//! ```text
//! report -> page: notice, facts, plots, tables, settings   bars | curves | latencies -> drawing (SVG)
//!                                                          scale: value -> place     html: text, tables
//! ```

mod bars;
mod curves;
mod latencies;
mod settings;
mod tables;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::Duration;

use crate::experiments::compare::fairness::summary;
use crate::experiments::compare::report::{CodecReport, Report};
use crate::experiments::compare::table;
use crate::report::drawing;
use crate::report::format::{count, digits, duration, size, times};
use crate::report::html::{escape, paragraph};
use bars::Bars;

/// What the page says of its origin; also how an earlier report is known from somebody's own page.
pub const GENERATOR: &str = "<meta name=\"generator\" content=\"sim compare\"/>";

/// Writes the whole page.
pub fn render(report: &Report) -> String {
    let mut out = String::with_capacity(64 << 10);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n{GENERATOR}\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>What full batches save: {}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n{}<main>\n",
        escape(&report.input.source),
        include_str!("../../../report/style.css"),
        drawing::shapes(),
    );
    out.push_str("<header>\n<p class=\"kicker\">sim compare</p>\n<h1>What full batches save</h1>\n");
    out.push_str(&paragraph("lede", &table::subject(report)));
    out.push_str("</header>\n");
    out.push_str(&if report.is_fair() {
        facts(report)
    } else {
        notice(report)
    });
    let _ = write!(
        out,
        "<h2>Plots</h2>\n<div class=\"figures\">\n{}</div>\n",
        plots(report)
    );
    let _ = write!(out, "<h2>The same in numbers</h2>\n{}", tables::render(report));
    out.push_str(&settings::render(report));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// Why there is no conclusion.
fn notice(report: &Report) -> String {
    let reasons = summary(&report.unfair);
    let reasons: String = reasons
        .iter()
        .map(|reason| paragraph("", &format!("{reason}.")))
        .collect();
    format!(
        "<section class=\"unfair\">\n<h2>Not a fair comparison</h2>\n{reasons}{}</section>\n",
        paragraph(
            "",
            "The figures below are what was measured; they support no conclusion."
        )
    )
}

/// The conclusion: what was gained, what it cost, and why.
fn facts(report: &Report) -> String {
    let Some(plain) = report.codecs.first() else {
        return String::new();
    };
    let best = report
        .codecs
        .iter()
        .min_by_key(|codec| codec.full.wire_bytes)
        .unwrap_or(plain);
    let mut facts = vec![(
        times(best.wire_gain()),
        format!(
            "fewer bytes on the wire in full batches than with linger=0, in codec {}: {} instead of {}",
            best.codec,
            size(best.full.wire_bytes as f64),
            size(best.unbatched.wire_bytes as f64)
        ),
    )];
    if let Some(gain) = plain.cpu_gain() {
        facts.push((
            times(gain),
            "less CPU time of the producer for each record, in codec none".to_owned(),
        ));
    }
    let latency = |nanos| duration(Duration::from_nanos(nanos));
    facts.push((
        latency(plain.full.latency_ns_p50),
        format!(
            "is the price: the median latency in codec none, instead of {}, since a batch takes long to fill at {} \
             records/s",
            latency(plain.unbatched.latency_ns_p50),
            count(report.settings.rate)
        ),
    ));
    let facts: String = facts
        .iter()
        .map(|(figure, text)| {
            format!(
                "<div><dt>{}</dt><dd>{}</dd></div>\n",
                escape(figure),
                escape(text)
            )
        })
        .collect();
    let amortised = report.amortised.as_ref();
    let sentence = amortised.map_or_else(String::new, |amortised| paragraph("lede", &amortised.sentence));
    format!("<dl class=\"facts\">\n{facts}</dl>\n{sentence}")
}

fn plots(report: &Report) -> String {
    let codecs = &report.codecs;
    let mut out = String::new();
    let title = "Compression ratio by codec";
    let text = "Bytes of the records divided by bytes on the wire, requests and headers included. Longer is better; \
                below 1x the wire carried more than the records.";
    let plot = Bars {
        id: "ratios",
        title,
        description: &describe(text, codecs, |codec| {
            let (zero, full) = (codec.unbatched.ratio_to_input, codec.full.ratio_to_input);
            format!("{} with linger=0, {} full", times(zero), times(full))
        }),
        value: &|run| Some(run.ratio_to_input),
        label: &times,
        unit: "x",
        reference: Some((1.0, "1x: the records' own size")),
    };
    out.push_str(&figure("bars", title, text, &bars::draw(&plot, codecs)));

    let title = "Bytes on the wire per record";
    let text = "Requests, headers and compressed records, divided by the records. Shorter is better.";
    let plain = report.input.bytes as f64 / report.input.records as f64;
    let bytes = |value: f64| format!("{} B", digits(value));
    let plot = Bars {
        id: "bytes",
        title,
        description: &describe(text, codecs, |codec| {
            let (zero, full) = (
                codec.unbatched.wire_bytes_per_record,
                codec.full.wire_bytes_per_record,
            );
            format!("{} with linger=0, {} full", bytes(zero), bytes(full))
        }),
        value: &|run| Some(run.wire_bytes_per_record),
        label: &bytes,
        unit: " B",
        reference: Some((plain, "a record's own size")),
    };
    out.push_str(&figure("bars", title, text, &bars::draw(&plot, codecs)));

    if let Some(sweep) = &report.sweep {
        let title = "Ratio against batch size";
        let of = if sweep.is_sample {
            format!("the first {} records", count(sweep.records))
        } else {
            "the same records".to_owned()
        };
        let text = format!(
            "Bytes of the records divided by bytes of the batches. Not sent: {of} were put into batches of each size by \
             the producer's own batch builder and really encoded, codec by codec. The requests around the batches are \
             left out."
        );
        let description = describe(&text, &sweep.codecs, |curve| {
            let ratio = |point: Option<&crate::experiments::compare::sweep::Point>| {
                point.map_or(f64::NAN, |point| point.ratio_to_input)
            };
            let (first, last) = (ratio(curve.points.first()), ratio(curve.points.last()));
            format!(
                "from {} with one record per batch to {}",
                times(first),
                times(last)
            )
        });
        let drawing = curves::draw(sweep, report.settings.batch_size, title, &description);
        out.push_str(&figure("curves", title, &text, &drawing));
    }

    let title = "Latency";
    let text = "From the call of send to the acknowledgement, on a scale of powers of ten; in words p50, p99 and p99.9. \
                A full run's latency is mostly the wait for the batch to fill, at this rate.";
    let latency = |nanos| duration(Duration::from_nanos(nanos));
    let description = describe(text, codecs, |codec| {
        let (zero, full) = (codec.unbatched.latency_ns_p50, codec.full.latency_ns_p50);
        format!("median {} with linger=0, {} full", latency(zero), latency(full))
    });
    out.push_str(&figure(
        "latencies",
        title,
        text,
        &latencies::draw(codecs, title, &description),
    ));

    if codecs.iter().any(|codec| codec.full.cpu_ns_per_record.is_some()) {
        let title = "CPU time per record";
        let text = "User and kernel, of the producer's threads and of the application's own in send. Shorter is better; \
                    it depends on the machine.";
        let readable = |nanos: f64| duration(Duration::from_nanos(nanos as u64));
        let plot = Bars {
            id: "cpu",
            title,
            description: &describe(text, codecs, |codec| {
                let known = |nanos: Option<f64>| nanos.map_or_else(|| "n/a".to_owned(), readable);
                let (zero, full) = (codec.unbatched.cpu_ns_per_record, codec.full.cpu_ns_per_record);
                format!("{} with linger=0, {} full", known(zero), known(full))
            }),
            value: &|run| run.cpu_ns_per_record.map(|nanos| nanos / 1000.0),
            label: &|micros| readable(micros * 1000.0),
            unit: " µs",
            reference: None,
        };
        out.push_str(&figure("bars", title, text, &bars::draw(&plot, codecs)));
    }
    out
}

/// Something that has a codec's name.
trait Named {
    fn name(&self) -> &str;
}

impl Named for CodecReport {
    fn name(&self) -> &str {
        &self.codec
    }
}

impl Named for crate::experiments::compare::sweep::Curve {
    fn name(&self) -> &str {
        &self.codec
    }
}

/// What a plot shows, in words for those who do not see it.
fn describe<N: Named>(text: &str, codecs: &[N], values: impl Fn(&N) -> String) -> String {
    let values: Vec<String> = codecs
        .iter()
        .map(|codec| format!("{}: {}", codec.name(), values(codec)))
        .collect();
    format!("{text} {}.", values.join("; "))
}

fn figure(class: &str, title: &str, text: &str, drawing: &str) -> String {
    // The one that is as high as two others beside it.
    let tall = if class == "latencies" {
        " class=\"tall\""
    } else {
        ""
    };
    format!(
        "<figure{tall}>\n<figcaption><h3>{}</h3>{}</figcaption>\n<div class=\"{class}\">\n{drawing}\n</div>\n</figure>\n",
        escape(title),
        paragraph("", text)
    )
}
