//! Drawings in SVG.
//!
//! Horizontal positions are percentages of the drawing's width, or pixels. Vertical positions are
//! pixels. A drawing whose width is a percentage fits its place on the page, and its text keeps its
//! size on a telephone. What reaches beyond 0 and 100 % lies in the margins that the page leaves.

use std::fmt;

use maud::{Markup, PreEscaped, html};

/// The end of a text that is at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The left end.
    Start,
    /// The middle.
    Middle,
    /// The right end.
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

/// A horizontal position or length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Percent of the drawing's width.
    Percent(f64),
    /// Pixels.
    Pixels(f64),
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent:.2}%"),
            Self::Pixels(pixels) => write!(f, "{pixels:.1}"),
        }
    }
}

/// A horizontal position, and pixels from there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct X {
    at: Length,
    shift: f64,
}

impl X {
    /// A percentage of the width.
    pub const fn percent(percent: f64) -> Self {
        Self {
            at: Length::Percent(percent),
            shift: 0.0,
        }
    }

    /// Pixels from the left edge.
    pub const fn pixels(pixels: f64) -> Self {
        Self {
            at: Length::Pixels(pixels),
            shift: 0.0,
        }
    }

    /// The position so many pixels further right.
    #[must_use]
    pub const fn plus(self, pixels: f64) -> Self {
        Self {
            at: self.at,
            shift: self.shift + pixels,
        }
    }
}

/// The shape of a mark. Shapes tell series apart without colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle.
    Triangle,
    /// A diamond.
    Diamond,
    /// A cross.
    Cross,
    /// A vertical bar.
    Bar,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 6] = [
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

/// The shapes, once for a page: marks refer to them.
pub fn shapes() -> Markup {
    html! {
        svg width="0" height="0" class="shapes" aria-hidden="true" {
            defs {
                @for shape in Shape::ALL {
                    path id={ "mark-" (shape.name()) } d=(shape.outline()) {}
                }
            }
        }
    }
}

/// The elements of a drawing.
#[derive(Debug, Default)]
pub struct Drawing {
    body: String,
}

impl Drawing {
    /// Draws a line.
    pub fn line(&mut self, class: &str, from: (Length, f64), to: (Length, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(html! {
            line class=(class) x1=(shown(x1)) y1=(pixels(y1)) x2=(shown(x2)) y2=(pixels(y2)) {}
        });
    }

    /// Draws a rectangle from its upper left corner.
    pub fn rect(&mut self, class: &str, corner: (Length, f64), size: (Length, f64), radius: f64) {
        let ((x, y), (width, height)) = (corner, size);
        self.push(html! {
            rect class=(class) x=(shown(x)) y=(pixels(y)) width=(shown(width)) height=(pixels(height)) rx=(radius) {}
        });
    }

    /// Draws a mark of [`shapes`].
    pub fn mark(&mut self, class: &str, shape: Shape, x: X, y: f64) {
        let shift = (x.shift != 0.0).then(|| format!("translate({:.1} 0)", x.shift));
        self.push(html! {
            use class=(class) href={ "#mark-" (shape.name()) } x=(shown(x.at)) y=(pixels(y)) transform=[shift] {}
        });
    }

    /// Writes one line of text.
    pub fn text(&mut self, class: &str, anchor: Anchor, x: X, y: f64, text: &str) {
        self.spans(anchor, x, y, &[(class, text)], None);
    }

    /// Writes one line of text whose parts differ in class. `title` is shown when the pointer rests
    /// on the text.
    pub fn spans(&mut self, anchor: Anchor, x: X, y: f64, parts: &[(&str, &str)], title: Option<&str>) {
        self.push(html! {
            text x=(shown(x.at)) dx=(pixels(x.shift)) y=(pixels(y)) text-anchor=(anchor.name()) {
                @if let Some(title) = title { title { (title) } }
                @for (class, text) in parts { tspan class=(class) { (text) } }
            }
        });
    }

    /// Adds another drawing, `x` and `y` pixels from the upper left corner.
    pub fn group(&mut self, x: f64, y: f64, inner: Self) {
        self.push(html! { g transform=(format_args!("translate({x} {y})")) { (PreEscaped(inner.body)) } });
    }

    /// The drawing as an element of a page, as wide as its place and `height` pixels high. `id` is
    /// unique on the page; `title` and `description` are for people who do not see the drawing.
    pub fn into_element(self, id: &str, title: &str, description: &str, height: f64) -> Markup {
        html! {
            svg width="100%" height=(format_args!("{height:.0}")) role="img"
                aria-labelledby={ (id) "-title " (id) "-description" } {
                title id={ (id) "-title" } { (title) }
                desc id={ (id) "-description" } { (description) }
                (PreEscaped(self.body))
            }
        }
    }

    /// The drawing as a file, with a style and a fixed size in pixels.
    pub fn into_file(self, title: &str, style: &str, width: f64, height: f64) -> String {
        let svg = html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox=(format_args!("0 0 {width} {height}")) width=(width)
                height=(height) role="img" {
                title { (title) }
                style { (PreEscaped(style)) }
                (PreEscaped(self.body))
            }
        };
        svg.into_string() + "\n"
    }

    fn push(&mut self, element: Markup) {
        self.body.push_str(&element.into_string());
        self.body.push('\n');
    }
}

fn shown(length: Length) -> String {
    length.to_string()
}

fn pixels(value: f64) -> String {
    format!("{value:.1}")
}
