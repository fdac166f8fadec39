//! A plot of one figure per run: two bars for each codec, `linger=0` above `full`.

use maud::Markup;

use crate::experiments::compare::outcome::{CodecReport, Kind, RunReport};
use crate::report::scale::Linear;
use crate::report::svg::{Anchor, Drawing, Length, X};

/// Heights in pixels: a bar, the gap to the other bar of its codec, the gap to the next codec, the
/// axis below.
const BAR: f64 = 15.0;
const GAP: f64 = 3.0;
const GROUP_GAP: f64 = 16.0;
const AXIS: f64 = 22.0;

/// The least width of a bar, in percent.
const WIDTH_MIN: f64 = 0.2;

/// The distance from the top of a bar to the baseline of its text.
const BASELINE: f64 = 11.5;

/// What the bars show.
pub(super) struct Bars<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    /// The figure of a run. A run without a figure has no bar.
    pub(super) value: &'a dyn Fn(&RunReport) -> Option<f64>,
    /// The figure as text.
    pub(super) label: &'a dyn Fn(f64) -> String,
    /// The unit, after the last number of the axis.
    pub(super) unit: &'a str,
    /// A value to compare with, and its name.
    pub(super) reference: Option<(f64, &'a str)>,
}

/// Draws the bars of all codecs.
pub(super) fn draw(bars: &Bars<'_>, codecs: &[CodecReport]) -> Markup {
    let runs = codecs.iter().flat_map(CodecReport::runs);
    let values = runs.filter_map(|(_, run)| (bars.value)(run));
    let reference = bars.reference.map(|(value, _)| value);
    let axis = Linear::up_to(values.chain(reference).fold(0.0, f64::max));
    let top = if bars.reference.is_some() { 20.0 } else { 4.0 };
    let group = 2.0 * BAR + GAP + GROUP_GAP;
    let bottom = top + group * codecs.len() as f64 - GROUP_GAP / 2.0;

    let mut drawing = Drawing::default();
    draw_axis(&mut drawing, bars, &axis, (top, bottom));
    for (index, codec) in codecs.iter().enumerate() {
        let y = top + group * index as f64;
        let middle = y + BAR + GAP / 2.0 + 4.0;
        drawing.text(
            "codec",
            Anchor::End,
            X::percent(0.0).plus(-8.0),
            middle,
            &codec.codec,
        );
        for ((kind, run), y) in codec.runs().into_iter().zip([y, y + BAR + GAP]) {
            let Some(value) = (bars.value)(run) else { continue };
            let width = axis.percent(value);
            let size = (Length::Percent(width.max(WIDTH_MIN)), BAR);
            drawing.rect(class(kind), (Length::Pixels(0.0), y), size, 1.5);
            let label = format!("{} ", (bars.label)(value));
            let parts = [("value over", label.as_str()), ("run over", kind.name())];
            drawing.spans(
                Anchor::Start,
                X::percent(width).plus(6.0),
                y + BASELINE,
                &parts,
                None,
            );
        }
    }
    drawing.into_element(bars.id, bars.title, bars.description, bottom + AXIS)
}

fn draw_axis(drawing: &mut Drawing, bars: &Bars<'_>, axis: &Linear, (top, bottom): (f64, f64)) {
    let mut line = |class: &str, percent: f64| {
        let x = Length::Percent(percent);
        drawing.line(class, (x, top - 4.0), (x, bottom));
    };
    let (ticks, decimals) = axis.ticks();
    ticks.iter().for_each(|value| line("grid", axis.percent(*value)));
    if let Some((value, _)) = bars.reference {
        line("reference", axis.percent(value));
    }
    let last = ticks.len() - 1;
    for (index, value) in ticks.into_iter().enumerate() {
        let unit = if index == last { bars.unit } else { "" };
        let label = format!("{value:.decimals$}{unit}");
        let x = X::percent(axis.percent(value));
        drawing.text("tick", Anchor::Middle, x, bottom + 15.0, &label);
    }
    if let Some((value, name)) = bars.reference {
        let x = axis.percent(value);
        let (anchor, shift) = if x > 50.0 {
            (Anchor::End, 3.0)
        } else {
            (Anchor::Start, -3.0)
        };
        drawing.text("tick", anchor, X::percent(x).plus(shift), top - 8.0, name);
    }
}

/// The class of a run in the style of the page.
pub(super) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Unbatched => "unbatched",
        Kind::Full => "full",
    }
}
