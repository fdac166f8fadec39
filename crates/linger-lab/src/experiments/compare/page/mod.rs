//! The report as a web page: one file with its style and drawings inside.
//!
//! ```text
//! report -> page: notice or facts, plots, numbers, settings
//!           plots: bars | curves | latencies -> report::svg
//! ```

mod bars;
mod curves;
mod latencies;
mod numbers;
mod plots;
mod settings;
#[cfg(test)]
mod tests;

use std::time::Duration;

use maud::{Markup, html};

use super::fairness::summary;
use super::report::Report;
use super::text;
use crate::report::html::Page;
use crate::report::svg;
use crate::units::{count, duration, size, times};

/// Writes the whole page. `program` is named as its generator.
pub fn render(report: &Report, program: &str) -> String {
    let main = html! {
        header {
            p class="kicker" { (program) }
            h1 { "What full batches save" }
            p class="lede" { (text::subject(report)) }
        }
        @if report.is_fair() { (facts(report)) } @else { (notice(report)) }
        h2 { "Plots" }
        div class="figures" { (plots::render(report)) }
        h2 { "The same in numbers" }
        (numbers::render(report))
        (settings::render(report))
    };
    Page {
        generator: program,
        title: &format!("What full batches save: {}", report.input.source),
        definitions: svg::shapes(),
        main,
    }
    .render()
}

/// Why there is no conclusion.
fn notice(report: &Report) -> Markup {
    html! {
        section class="unfair" {
            h2 { "Not a fair comparison" }
            @for reason in summary(&report.unfair) { p { (reason) "." } }
            p { "The figures below are what was measured; they support no conclusion." }
        }
    }
}

/// The conclusion: the gain, its price, and the reason.
fn facts(report: &Report) -> Markup {
    let codecs = report.codecs.iter();
    let best = codecs.min_by_key(|codec| codec.full.wire_bytes);
    let (Some(plain), Some(best)) = (report.codecs.first(), best) else {
        return html! {};
    };
    let latency = |nanos| duration(Duration::from_nanos(nanos));
    let fewer_bytes = format!(
        "fewer bytes on the wire in full batches than with linger=0, in codec {}: {} instead of {}",
        best.codec,
        size(best.full.wire_bytes as f64),
        size(best.unbatched.wire_bytes as f64)
    );
    let less_cpu = plain.cpu_gain().map(|gain| {
        let text = "less CPU time of the producer for each record, in codec none";
        (times(gain), text.to_owned())
    });
    let price = format!(
        "is the price: the median latency in codec none, instead of {}, since a batch takes long to fill at {} records/s",
        latency(plain.unbatched.latency_ns_p50),
        count(report.settings.rate)
    );
    let mut facts = vec![(times(best.wire_gain()), fewer_bytes)];
    facts.extend(less_cpu);
    facts.push((latency(plain.full.latency_ns_p50), price));
    html! {
        dl class="facts" {
            @for (figure, text) in facts { div { dt { (figure) } dd { (text) } } }
        }
        @if let Some(amortised) = &report.amortised { p class="lede" { (amortised.sentence) } }
    }
}
