//! What the Markdown documents name: links, files and tests in backquotes, blocks of code.

/// The targets of links of the form `](path)`, without those to elsewhere.
pub fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .map(|target| target.split('#').next().unwrap_or_default().to_owned())
        .collect()
}

/// A fenced block of code.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the fence, as `rust,no_run`.
    pub language: String,
    /// The lines within.
    pub text: String,
}

/// Splits a document into its blocks of code, and the rest.
pub fn blocks(document: &str) -> (Vec<Block>, String) {
    let (mut blocks, mut prose) = (Vec::new(), String::new());
    let mut open: Option<Block> = None;
    let mut indent = 0;
    for line in document.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => {
                indent = line.len() - line.trim_start().len();
                open = Some(Block {
                    language: language.trim().to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(without_indent(line, indent));
                block.text.push('\n');
            }
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    blocks.extend(open);
    (blocks, prose)
}

/// A line of a block whose fence is indented by so many spaces, as in a list.
fn without_indent(line: &str, indent: usize) -> &str {
    let spaces = line.bytes().take_while(|byte| *byte == b' ').count();
    &line[spaces.min(indent)..]
}

/// What stands in backquotes, outside blocks of code.
pub fn quoted(document: &str) -> Vec<String> {
    let (_, prose) = blocks(document);
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// True for a name in backquotes that must be a file or a folder of the repository: it begins with
/// one of its folders.
pub fn names_a_file(quoted: &str) -> bool {
    let folders = [
        "crates/", "sim/", "tests/", "benches/", "docs/", ".ci/", ".github/",
    ];
    let plain = quoted
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.'));
    plain && folders.iter().any(|folder| quoted.starts_with(folder))
}

/// True for a name in backquotes that must be a test: several words in snake case.
pub fn names_a_test(quoted: &str) -> bool {
    let snake = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
    quoted.matches('_').count() >= 3 && quoted.chars().all(snake)
}

/// The lines that a unified diff adds or keeps, with the file that they belong to.
pub fn lines_of_diff(diff: &str) -> Vec<(String, String)> {
    let (mut file, mut lines) = (String::new(), Vec::new());
    for line in diff.lines() {
        if let Some(name) = line.strip_prefix("+++ ") {
            file = name.trim().trim_start_matches("b/").to_owned();
        } else if line.starts_with("---") || line.starts_with("@@") {
        } else if let Some(kept) = line.strip_prefix('+').or_else(|| line.strip_prefix(' ')) {
            lines.push((file.clone(), kept.to_owned()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "See [a](docs/a.md#x), [b](https://b) and `crates/a.rs`.\n```rust,no_run\nlet `x`;\n```\n`one_two_three_four`\n";

    #[test]
    fn links_lead_to_files_and_not_to_the_net() {
        assert_eq!(links(DOCUMENT), ["docs/a.md"]);
    }

    #[test]
    fn code_is_no_prose() {
        let (blocks, prose) = blocks(DOCUMENT);
        assert_eq!((blocks.len(), blocks[0].language.as_str()), (1, "rust,no_run"));
        assert!(blocks[0].text.contains("let") && !prose.contains("let"));
        assert_eq!(quoted(DOCUMENT), ["crates/a.rs", "one_two_three_four"]);
    }

    #[test]
    fn a_block_in_a_list_loses_the_indent_of_its_fence() {
        let (blocks, _) = blocks("1. Do:\n\n   ```diff\n   +++ b/x.rs\n    kept\n   +  new\n   ```\n");
        assert_eq!(blocks[0].text, "+++ b/x.rs\n kept\n+  new\n");
    }

    #[test]
    fn files_and_tests_are_told_from_other_names() {
        assert!(names_a_file("crates/linger/src/lib.rs") && names_a_file("sim/model"));
        assert!(!names_a_file("linger/src/lib.rs") && !names_a_file("tests/interop/run --strict"));
        assert!(
            names_a_test("a_seed_is_one_story") && !names_a_test("batch_size") && !names_a_test("A_B_C_D")
        );
    }

    #[test]
    fn a_diff_tells_what_each_file_must_hold() {
        let diff = "--- a/x.rs\n+++ b/x.rs\n@@ -1 +1 @@\n kept\n-gone\n+new\n";
        let expected =
            [("x.rs", "kept"), ("x.rs", "new")].map(|(file, line)| (file.to_owned(), line.to_owned()));
        assert_eq!(lines_of_diff(diff), expected);
    }
}
