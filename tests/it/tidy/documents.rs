//! Documents that tell the truth: what they name exists, what they show compiles, what they count
//! is so.

use std::path::PathBuf;

use xtask::documents::{blocks, lines_of_diff, links, names_a_file, names_a_test, quoted};
use xtask::{files, read, short, top};

/// All documents: those at the top, those in docs/, and each crate's README.
fn documents() -> Vec<PathBuf> {
    let names = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
    let mut documents: Vec<PathBuf> = names.map(|name| top().join(name)).into();
    documents.extend(files(&top().join("docs"), ".md"));
    for folder in ["crates", "sim"] {
        documents.extend(files(&top().join(folder), "README.md"));
    }
    assert!(documents.len() > 12, "{documents:?}");
    documents
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut count = 0;
    for document in &documents() {
        let folder = document.parent().expect("a file has a folder");
        for link in links(&read(document)) {
            count += 1;
            assert!(
                folder.join(&link).exists(),
                "{} links to {link}, which is not there",
                short(document)
            );
        }
    }
    assert!(count > 10, "only {count} links were found");
}

/// The names in a document's backquotes that should exist and do not, and how many do. A long name
/// in snake case is a test, or else a field or a column of a table.
fn missing(document: &str, sources: &str) -> (Vec<String>, usize) {
    let (mut missing, mut found) = (Vec::new(), 0);
    for name in quoted(document) {
        let exists = if names_a_file(&name) {
            top().join(&name).exists()
        } else if names_a_test(&name) {
            sources.contains(&format!("fn {name}("))
                || sources.contains(&format!("\"{name}\""))
                || sources.contains(&format!("\n    {name},\n"))
                || sources.contains(&format!(" {name}: "))
        } else {
            continue;
        };
        if exists { found += 1 } else { missing.push(name) }
    }
    (missing, found)
}

fn sources() -> String {
    let folders = ["crates", "sim", "tests", "benches"].iter();
    let files = folders.flat_map(|folder| files(&top().join(folder), ".rs"));
    files.map(|path| read(&path)).collect()
}

#[test]
fn files_and_tests_that_the_documents_name_exist() {
    let sources = sources();
    for document in documents() {
        let (missing, found) = missing(&read(&document), &sources);
        assert!(missing.is_empty(), "{} names {missing:?}", short(&document));
        if document.ends_with("docs/architecture.md") {
            assert!(found > 40, "{found} names are too few for a map");
        }
    }
}

#[test]
fn a_file_or_a_test_that_is_gone_is_found() {
    let text = "See `crates/linger/src/gone.rs`, `crates/linger/src/lib.rs` and `a_test_that_is_gone`.";
    let (gone, found) = missing(text, "fn another_test_that_is_there() {}");
    assert_eq!(gone, ["crates/linger/src/gone.rs", "a_test_that_is_gone"]);
    assert_eq!(found, 1);
}

/// Where rustdoc finds the documents whose code it compiles.
const COMPILED_BY: &str = "crates/linger-testkit/src/documents.rs";

/// Rust in a document that rustdoc would not compile.
fn uncompiled(document: &str) -> Vec<String> {
    let skipped = |language: &str| language.split(',').any(|word| word.trim().starts_with("ignore"));
    let (blocks, _) = blocks(document);
    let rust = blocks
        .into_iter()
        .filter(|block| block.language.starts_with("rust"));
    rust.filter(|block| skipped(&block.language))
        .map(|block| block.text)
        .collect()
}

#[test]
fn the_code_of_the_documents_is_compiled() {
    let compiled_by = read(&top().join(COMPILED_BY));
    for document in documents() {
        let text = read(&document);
        let (blocks, _) = blocks(&text);
        if !blocks.iter().any(|block| block.language.starts_with("rust")) {
            continue;
        }
        let name = short(&document);
        assert!(
            compiled_by.contains(&format!("/{name}\"")),
            "{COMPILED_BY} does not compile {name}"
        );
        assert_eq!(uncompiled(&text), [""; 0], "{name} has Rust that is not compiled");
    }
    for name in ["README.md", "CONTRIBUTING.md"] {
        assert!(
            compiled_by.contains(&format!("/../{name}\"")),
            "{COMPILED_BY} does not compile {name}"
        );
    }
}

#[test]
fn code_that_is_not_compiled_is_found() {
    assert_eq!(
        uncompiled("```rust,ignore\nlet a;\n```\n```rust,no_run\nlet b;\n```\n"),
        ["let a;\n"]
    );
}

/// The lines of a document's diffs that are not in the named files, and how many are in them.
fn stale_lines(document: &str) -> (Vec<String>, usize) {
    let (mut stale, mut found) = (Vec::new(), 0);
    let (blocks, _) = blocks(document);
    for block in blocks.iter().filter(|block| block.language == "diff") {
        for (file, line) in lines_of_diff(&block.text) {
            let text = std::fs::read_to_string(top().join(&file)).unwrap_or_default();
            if line.trim().is_empty() || text.lines().any(|there| there.trim() == line.trim()) {
                found += 1;
            } else {
                stale.push(format!("{file}: {line}"));
            }
        }
    }
    (stale, found)
}

/// A recipe shows what was really done: each line that its diffs add or keep is in the tree.
#[test]
fn the_recipes_show_what_is_in_the_tree() {
    let (stale, found) = stale_lines(&read(&top().join("CONTRIBUTING.md")));
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    assert!(found > 20, "only {found} lines of diffs");
}

#[test]
fn a_line_that_is_gone_is_found_in_a_recipe() {
    let recipe =
        "```diff\n--- a/rustfmt.toml\n+++ b/rustfmt.toml\n edition = \"2024\"\n-gone = 1\n+never = 1\n```\n";
    assert_eq!(
        stale_lines(recipe),
        (vec!["rustfmt.toml: never = 1".to_owned()], 1)
    );
}

#[test]
fn the_test_command_of_the_readme_is_the_one_that_ci_runs() {
    let readme = read(&top().join("README.md"));
    let ci = read(&top().join(".ci/run"));
    assert!(
        readme.contains("cargo test\n"),
        "the README states the test command on a line of its own"
    );
    assert!(ci.contains("step cargo test\n"), ".ci/run runs exactly that");
    let workflow = read(&top().join(".github/workflows/ci.yml"));
    assert!(workflow.contains("run: .ci/run\n"), "the workflow runs .ci/run");
}

#[test]
fn the_docs_count_the_wire_cases_as_they_are() {
    let recorded = read(&top().join("tests/interop/wire/recorded.txt"));
    let cases = recorded.lines().filter(|line| line.starts_with("# ")).count();
    let docs = read(&top().join("docs/interop.md"));
    assert!(docs.contains(&format!("\n{cases} cases, ")), "there are {cases}");
    let table = docs
        .split("| family | cases | about |")
        .nth(1)
        .expect("a table of families");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let counts = rows.filter_map(|row| row.split('|').nth(2)?.trim().parse::<usize>().ok());
    assert_eq!(counts.sum::<usize>(), cases, "the families' sum");
}
