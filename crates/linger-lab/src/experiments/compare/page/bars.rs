//! A plot of one figure per run: two bars for each codec, `linger=0` above `full`.

use crate::experiments::compare::report::{CodecReport, Kind, RunReport};
use crate::report::drawing::{Anchor, Drawing, X};
use crate::report::scale::Linear;

/// Heights in pixels: a bar, the gap to the other of its codec, the gap to the next codec, the axis below.
const BAR: f64 = 15.0;
const GAP: f64 = 3.0;
const GROUP_GAP: f64 = 16.0;
const AXIS: f64 = 22.0;

/// From a bar's top to where its text stands.
const BASELINE: f64 = 11.5;

/// What the bars show.
pub(crate) struct Bars<'a> {
    /// Its own on the page.
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    /// The figure of a run; a run without one has no bar.
    pub(crate) value: &'a dyn Fn(&RunReport) -> Option<f64>,
    /// The figure as people read it.
    pub(crate) label: &'a dyn Fn(f64) -> String,
    /// What stands behind the axis's last number.
    pub(crate) unit: &'a str,
    /// A value to compare with, and what it is.
    pub(crate) reference: Option<(f64, &'a str)>,
}

/// Draws the bars of all codecs.
pub(crate) fn draw(bars: &Bars<'_>, codecs: &[CodecReport]) -> String {
    let runs = || codecs.iter().flat_map(CodecReport::runs);
    let values = runs().filter_map(|(_, run)| (bars.value)(run));
    let reference = bars.reference.map(|(value, _)| value);
    let axis = Linear::up_to(values.chain(reference).fold(0.0, f64::max));
    let top = if bars.reference.is_some() { 20.0 } else { 4.0 };
    let group = 2.0 * BAR + GAP + GROUP_GAP;
    let bottom = top + group * codecs.len() as f64 - GROUP_GAP / 2.0;

    let mut drawing = Drawing::new(bars.id, bars.title, bars.description);
    let (ticks, decimals) = axis.ticks();
    let last = ticks.len() - 1;
    for (index, value) in ticks.into_iter().enumerate() {
        let x = axis.percent(value);
        drawing.line("grid", (x, top - 4.0), (x, bottom));
        let unit = if index == last { bars.unit } else { "" };
        let label = format!("{value:.decimals$}{unit}");
        drawing.text("tick", Anchor::Middle, X::at(x), bottom + 15.0, &label);
    }
    if let Some((value, name)) = bars.reference {
        let x = axis.percent(value);
        drawing.line("reference", (x, top - 4.0), (x, bottom));
        let (anchor, shift) = if x > 50.0 {
            (Anchor::End, 3.0)
        } else {
            (Anchor::Start, -3.0)
        };
        drawing.text("tick", anchor, X::at(x).plus(shift), top - 8.0, name);
    }
    for (index, codec) in codecs.iter().enumerate() {
        let y = top + group * index as f64;
        let middle = y + BAR + GAP / 2.0 + 4.0;
        drawing.text("codec", Anchor::End, X::LEFT.plus(-8.0), middle, &codec.codec);
        for ((kind, run), y) in codec.runs().into_iter().zip([y, y + BAR + GAP]) {
            let Some(value) = (bars.value)(run) else { continue };
            let width = axis.percent(value);
            drawing.bar(class(kind), y, width, BAR);
            let label = format!("{} ", (bars.label)(value));
            let parts = [("value over", label.as_str()), ("run over", run_name(kind))];
            drawing.spans(Anchor::Start, X::at(width).plus(6.0), y + BASELINE, &parts);
        }
    }
    drawing.finish(bottom + AXIS)
}

/// How the page's style knows a run.
pub(crate) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Unbatched => "unbatched",
        Kind::Full => "full",
    }
}

/// What a run is called beside its bar.
pub(crate) fn run_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Unbatched => "linger=0",
        Kind::Full => "full",
    }
}
