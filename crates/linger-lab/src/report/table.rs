//! A table, as plain text, as Markdown and as HTML.

use std::fmt::Write as _;

use maud::{Markup, html};

/// The alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table. The first `names` columns name a row and are aligned left; the others are
    /// aligned right.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>, names: usize) -> Self {
        let column = |(index, name): (usize, _)| {
            let align = if index < names { Align::Left } else { Align::Right };
            (Into::into(name), align)
        };
        Self {
            columns: columns.into_iter().enumerate().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds rows.
    #[must_use]
    pub fn with_rows(mut self, rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        self.rows.extend(rows);
        self
    }

    /// The rows, without the header. A row with fewer cells than columns ends with a sentence.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Writes aligned columns with two spaces between them, header first.
    pub fn text(&self) -> String {
        let header = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(&self.rows).collect();
        // The sentence of a short row needs no column.
        let is_sentence =
            |line: &[String], column| column > 0 && column + 1 == line.len() && line.len() < header.len();
        let width = |column: usize| {
            let cells = lines
                .iter()
                .filter(|line| !is_sentence(line, column))
                .filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        let mut out = String::new();
        for line in &lines {
            let mut text = String::new();
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let gap = if column > 0 { "  " } else { "" };
                let _ = match self.columns[column].1 {
                    Align::Left => write!(text, "{gap}{cell:<width$}"),
                    Align::Right => write!(text, "{gap}{cell:>width$}"),
                };
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
        out
    }

    /// Writes a Markdown table. Cells must not contain `|`.
    pub fn markdown(&self) -> String {
        let line = |cells: &[&str]| {
            let mut line = String::from("|");
            for cell in cells {
                let gap = if cell.is_empty() { "" } else { " " };
                let _ = write!(line, "{gap}{cell} |");
            }
            line + &" |".repeat(self.columns.len() - cells.len()) + "\n"
        };
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let mut out = line(&names) + "|";
        for (_, align) in &self.columns {
            out.push_str(match align {
                Align::Left => "---|",
                Align::Right => "---:|",
            });
        }
        out.push('\n');
        for row in &self.rows {
            out.push_str(&line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        out
    }

    /// Writes an HTML table with a caption, which scrolls in its own box if it is too wide.
    pub fn html(&self, caption: &str) -> Markup {
        html! {
            div class="scroll" role="region" aria-label=(caption) tabindex="0" {
                table {
                    caption { (caption) }
                    thead { tr {
                        @for (name, align) in &self.columns {
                            th scope="col" class=[(*align == Align::Left).then_some("name")] { (name) }
                        }
                    } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (cell, (_, align)) in row.iter().zip(&self.columns) {
                                    @match align {
                                        Align::Left => { th scope="row" { (cell) } }
                                        Align::Right => { td { (cell) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Breaks text between words, at `width` columns.
pub fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / width);
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        Table::new(["name", "run", "records"], 2).with_rows([
            row(&["µ", "full", "1,000"]),
            row(&["other", "absent: it is not built here"]),
        ])
    }

    #[test]
    fn text_is_aligned_and_a_sentence_needs_no_column() {
        let lines = [
            "name   run   records",
            "µ      full    1,000",
            "other  absent: it is not built here",
        ];
        assert_eq!(table().text(), lines.join("\n") + "\n");
    }

    #[test]
    fn markdown_has_as_many_cells_in_every_row() {
        let lines = [
            "| name | run | records |",
            "|---|---|---:|",
            "| µ | full | 1,000 |",
            "| other | absent: it is not built here | |",
        ];
        assert_eq!(table().markdown(), lines.join("\n") + "\n");
    }

    #[test]
    fn html_escapes_every_cell() {
        let table = Table::new(["<a>"], 0).with_rows([vec!["<b>".to_owned()]]);
        let text = table.html("<c>").into_string();
        assert!(!text.contains("<a>") && !text.contains("<b>") && !text.contains("<c>"));
        assert!(text.contains("<td>&lt;b&gt;</td>"), "{text}");
    }

    #[test]
    fn text_wraps_between_words() {
        let wrapped = wrap(&"word ".repeat(40), 80);
        assert!(wrapped.lines().all(|line| line.len() <= 80));
        assert_eq!(wrapped.split_whitespace().count(), 40);
        assert_eq!(wrap(&"x".repeat(100), 80), "x".repeat(100));
    }
}
