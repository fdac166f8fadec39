//! A web page in one file: its style and drawings inside, no script, nothing to fetch.
//!
//! Pages are well-formed XML too, so that a test can parse them.

use maud::{Markup, PreEscaped, html};

/// A page.
pub struct Page<'a> {
    /// The name of the program, in `<meta name="generator">`.
    pub generator: &'a str,
    /// The title of the window.
    pub title: &'a str,
    /// Elements before `<main>` that are not shown, such as shared shapes.
    pub definitions: Markup,
    /// The content.
    pub main: Markup,
}

/// The tag by which a page of a program is recognised.
pub fn generator_tag(program: &str) -> String {
    format!("<meta name=\"generator\" content=\"{program}\"/>")
}

impl Page<'_> {
    /// Writes the page.
    pub fn render(&self) -> String {
        // maud does not close empty elements, and XML requires it.
        let meta = format!(
            "<meta charset=\"utf-8\"/>{}<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
             <meta name=\"color-scheme\" content=\"light dark\"/>",
            generator_tag(self.generator)
        );
        let page = html! {
            (PreEscaped("<!DOCTYPE html>\n"))
            html lang="en" {
                head {
                    (PreEscaped(meta))
                    title { (self.title) }
                    style { (PreEscaped(include_str!("style.css"))) }
                }
                body {
                    (self.definitions)
                    main { (self.main) }
                }
            }
        };
        visible(page.into_string())
    }
}

/// Replaces characters that neither HTML nor XML can contain.
fn visible(text: String) -> String {
    let is_bad = |letter: char| {
        (letter.is_control() && letter != '\n' && letter != '\t') || matches!(letter, '\u{fffe}' | '\u{ffff}')
    };
    text.replace(is_bad, "\u{fffd}")
}
