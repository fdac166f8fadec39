//! Pieces of HTML that are well-formed XML too: text as it may stand there, and tables.

use std::fmt::Write as _;

/// Text as it may stand between tags and in attributes, whatever someone has named a file.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            // Neither HTML nor XML has a way to write them.
            _ if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

/// A paragraph.
pub(crate) fn paragraph(class: &str, text: &str) -> String {
    format!("<p class=\"{class}\">{}</p>\n", escape(text))
}

/// A table that scrolls in a box of its own where it is too wide. The first `heads` columns of a row are its heading.
pub(crate) fn table(
    caption: &str,
    header: &[String],
    heads: usize,
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let caption = escape(caption);
    let mut out = format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table>\
         <caption>{caption}</caption>\n<thead><tr>"
    );
    for (index, name) in header.iter().enumerate() {
        let class = if index < heads { " class=\"name\"" } else { "" };
        let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escape(name));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            let _ = if index < heads {
                write!(out, "<th scope=\"row\">{cell}</th>")
            } else {
                write!(out, "<td>{cell}</td>")
            };
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody></table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            escape("<script>alert('a' & \"b\")</script>\u{0}\u{1b}"),
            "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;\u{fffd}\u{fffd}"
        );
        assert_eq!(escape("naïve µs, line\nbreak"), "naïve µs, line\nbreak");
    }
}
