//! A drawing in SVG as wide as its place: x in percent of the width, y in pixels, so that text keeps its size on a telephone.
//!
//! What reaches beyond 0 and 100 % (labels of an axis, values behind a bar) lies in the margins that the page leaves.

use std::fmt::{Display, Write as _};

use crate::report::html::escape;

/// Which end of a text stands at its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A horizontal place: percent of the width, and pixels from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct X {
    pub(crate) percent: f64,
    pub(crate) pixels: f64,
}

impl X {
    pub(crate) const LEFT: Self = Self::at(0.0);

    pub(crate) const fn at(percent: f64) -> Self {
        Self { percent, pixels: 0.0 }
    }

    pub(crate) const fn plus(self, pixels: f64) -> Self {
        Self {
            percent: self.percent,
            pixels: self.pixels + pixels,
        }
    }
}

/// What a point looks like, so that no one needs to tell colours apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
    Bar,
}

impl Shape {
    pub(crate) const ALL: [Self; 6] = [
        Self::Circle,
        Self::Square,
        Self::Triangle,
        Self::Diamond,
        Self::Cross,
        Self::Bar,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Diamond => "diamond",
            Self::Cross => "cross",
            Self::Bar => "bar",
        }
    }

    /// Its outline around the origin.
    fn outline(self) -> &'static str {
        match self {
            Self::Circle => "M-4.2 0a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0 -8.4 0z",
            Self::Square => "M-3.8 -3.8h7.6v7.6h-7.6z",
            Self::Triangle => "M0 -5l4.8 8.6h-9.6z",
            Self::Diamond => "M0 -5.4l5.4 5.4l-5.4 5.4l-5.4 -5.4z",
            Self::Cross => "M-1.4 -4.6h2.8v3.2h3.2v2.8h-3.2v3.2h-2.8v-3.2h-3.2v-2.8h3.2z",
            Self::Bar => "M-1.3 -6h2.6v12h-2.6z",
        }
    }
}

/// The shapes, once for the page: drawings refer to them.
pub(crate) fn shapes() -> String {
    let mut out = String::from("<svg width=\"0\" height=\"0\" class=\"shapes\" aria-hidden=\"true\"><defs>");
    for shape in Shape::ALL {
        let _ = write!(
            out,
            "<path id=\"mark-{}\" d=\"{}\"/>",
            shape.name(),
            shape.outline()
        );
    }
    out + "</defs></svg>\n"
}

/// A drawing under way.
pub(crate) struct Drawing {
    body: String,
}

impl Drawing {
    /// Starts one. `id` is its own on the page; `title` and `description` are for those who do not see it.
    pub(crate) fn new(id: &str, title: &str, description: &str) -> Self {
        Self {
            body: format!(
                " role=\"img\" aria-labelledby=\"{id}-title {id}-description\">\
                 <title id=\"{id}-title\">{}</title><desc id=\"{id}-description\">{}</desc>\n",
                escape(title),
                escape(description)
            ),
        }
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.2}%\" y1=\"{y1:.1}\" x2=\"{x2:.2}%\" y2=\"{y2:.1}\"/>"
        ));
    }

    /// A bar from the left edge; at least a hair wide.
    pub(crate) fn bar(&mut self, class: &str, y: f64, width: f64, height: f64) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"0\" y=\"{y:.1}\" width=\"{:.2}%\" height=\"{height:.1}\" rx=\"1.5\"/>",
            width.max(0.2)
        ));
    }

    pub(crate) fn mark(&mut self, class: &str, shape: Shape, x: X, y: f64) {
        self.push(format_args!(
            "<use class=\"{class}\" href=\"#mark-{}\" x=\"{:.2}%\" y=\"{y:.1}\"{}/>",
            shape.name(),
            x.percent,
            shift(x.pixels)
        ));
    }

    pub(crate) fn text(&mut self, class: &str, anchor: Anchor, x: X, y: f64, text: &str) {
        self.spans(anchor, x, y, &[(class, text)]);
    }

    /// One line of text whose parts differ in class.
    pub(crate) fn spans(&mut self, anchor: Anchor, x: X, y: f64, parts: &[(&str, &str)]) {
        let mut spans = String::new();
        for (class, text) in parts {
            let _ = write!(spans, "<tspan class=\"{class}\">{}</tspan>", escape(text));
        }
        self.push(format_args!(
            "<text x=\"{:.2}%\" dx=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"{}\">{spans}</text>",
            x.percent,
            x.pixels,
            anchor.name()
        ));
    }

    /// Ends it, `height` pixels high.
    pub(crate) fn finish(self, height: f64) -> String {
        format!("<svg width=\"100%\" height=\"{height:.0}\"{}</svg>", self.body)
    }

    fn push(&mut self, element: impl Display) {
        let _ = writeln!(self.body, "{element}");
    }
}

fn shift(pixels: f64) -> String {
    if pixels == 0.0 {
        String::new()
    } else {
        format!(" transform=\"translate({pixels:.1} 0)\"")
    }
}
