//! The house rules that a compiler does not check.

use std::fs;
use std::path::{Path, PathBuf};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` whose name ends in `suffix`, without what a build leaves behind.
fn files(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![top().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a readable entry").path();
            let name = path
                .file_name()
                .expect("an entry has a name")
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if name.ends_with(suffix) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a file that are code, up to its unit tests.
fn product_code(path: &Path) -> String {
    let text = read(path);
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    product
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn assert_none_names(paths: &[PathBuf], forbidden: &[&str]) {
    assert!(!paths.is_empty(), "a rule about no file proves nothing");
    for path in paths {
        let code = product_code(path);
        for word in forbidden {
            assert!(!code.contains(word), "{} names `{word}`", path.display());
        }
    }
}

#[test]
fn the_core_and_the_protocol_know_no_runtime() {
    for manifest in [
        "crates/linger-core/Cargo.toml",
        "crates/linger-protocol/Cargo.toml",
        "sim/model/Cargo.toml",
    ] {
        let text = read(&top().join(manifest));
        let dependencies = text.split("[dev-dependencies]").next().unwrap_or_default();
        for runtime in ["tokio", "mio", "rustix", "tracing"] {
            assert!(
                !dependencies.lines().any(|line| line.starts_with(runtime)),
                "{manifest} depends on {runtime}"
            );
        }
    }
}

#[test]
fn what_decides_reads_no_clock_and_opens_no_socket() {
    let mut deciding = files("crates/linger-core/src", ".rs");
    deciding.extend(files("crates/linger-protocol/src", ".rs"));
    deciding.extend(files("sim/model/src", ".rs"));
    deciding.retain(|path| {
        !path.ends_with("testing.rs")
            && !path
                .components()
                .any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
    });
    assert_none_names(
        &deciding,
        &["tokio", "std::net", "Instant::now", "SystemTime", "thread::sleep"],
    );
}

#[test]
fn the_simulators_library_does_not_name_the_producer() {
    let mut library = files("sim/src", ".rs");
    library.extend(files("sim/model/src", ".rs"));
    assert_none_names(&library, &["linger::", "linger_core"]);
    let producer: Vec<PathBuf> = files("crates/linger/src", ".rs");
    assert_none_names(&producer, &["linger_sim"]);
}

#[test]
fn every_message_names_its_versions() {
    let messages = files("crates/linger-protocol/src/messages", ".rs");
    assert!(messages.len() > 8, "the messages are in {messages:?} only");
    for path in messages.iter().filter(|path| !path.ends_with("mod.rs")) {
        let text = read(path);
        if !text.contains("Request") {
            continue; // A part of several messages.
        }
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(
            head.contains("key ") && head.contains('v'),
            "{} does not open with its key and versions",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let mark = ["FIX", "ME"].concat();
    for folder in ["crates", "sim", "tests", "benches"] {
        for path in files(folder, ".rs") {
            let text = read(&path);
            for word in [
                mark.as_str(),
                concat!("to", "do!("),
                concat!("unimple", "mented!("),
                concat!("#[ig", "nore"),
            ] {
                assert!(!text.contains(word), "{} says {word}", path.display());
            }
        }
    }
}

/// Links of the form `](path)`, without those to elsewhere.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .map(|target| target.split('#').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut documents = files("docs", ".md");
    documents.extend(["README.md", "CHANGELOG.md"].map(|name| top().join(name)));
    assert!(documents.len() > 3);
    for document in &documents {
        let folder = document.parent().expect("a file has a folder");
        for link in links(&read(document)) {
            assert!(
                folder.join(&link).exists(),
                "{} links to {link}, which is not there",
                document.display()
            );
        }
    }
}

/// Names in backquotes that look like a path of this repository or like a test.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn files_and_tests_that_the_architecture_names_exist() {
    let text = read(&top().join("docs/architecture.md"));
    let sources: String = ["crates", "sim", "tests"]
        .iter()
        .flat_map(|folder| files(folder, ".rs"))
        .map(|path| read(&path))
        .collect();
    let (mut paths, mut tests) = (0, 0);
    for name in quoted(&text) {
        if name.ends_with(".rs") && name.contains('/') {
            paths += 1;
            assert!(
                top().join(name).exists(),
                "docs/architecture.md names {name}, which is not there"
            );
        } else if name.matches('_').count() >= 3
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
        {
            tests += 1;
            assert!(
                sources.contains(&format!("fn {name}(")) || sources.contains(&format!("\n    {name},\n")),
                "docs/architecture.md names the test {name}, which is not there"
            );
        }
    }
    assert!(
        paths > 10 && tests > 5,
        "{paths} paths and {tests} tests are too few for a map"
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
