//! What decides gets the time as an argument, and acts through values that it returns.

use xtask::imports::Graph;
use xtask::packages::packages;
use xtask::short;
use xtask::source::{SourceFile, TestItems, target};

/// What reads a clock, waits, or reaches out. A path is compared by its segments, anywhere within
/// the path that code names.
const FORBIDDEN: [&str; 9] = [
    "Instant::now",
    "SystemTime",
    "thread::sleep",
    "thread::spawn",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "tokio",
];

/// The forbidden paths that a target's files name.
fn findings(files: &[SourceFile]) -> Vec<String> {
    let graph = Graph::of(files);
    let mut findings = Vec::new();
    for (index, file) in graph.files().iter().enumerate() {
        for path in graph.paths(index) {
            for forbidden in FORBIDDEN {
                if format!("::{path}::").contains(&format!("::{forbidden}::")) {
                    findings.push(format!("{} names `{path}`", short(file)));
                }
            }
        }
    }
    findings
}

#[test]
fn what_decides_reads_no_clock_and_opens_no_socket() {
    let packages = packages();
    for name in ["linger-core", "linger-protocol", "linger-sim-model"] {
        let library = packages[name]
            .targets
            .iter()
            .find(|target| target.product)
            .expect("a library");
        // A file of which nothing remains without its tests is an error of the reader.
        let files = target(&library.root, TestItems::Remove).unwrap_or_else(|error| panic!("{error}"));
        assert!(files.len() > 20, "{name} has only {} files", files.len());
        let findings = findings(&files);
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}

mod can_fail {
    use std::path::Path;

    use rstest::rstest;
    use xtask::source::{SourceError, SourceFile, TestItems, parse};

    fn found(text: &str) -> usize {
        let syntax = parse(Path::new("planted.rs"), text, TestItems::Remove).expect("it is Rust");
        super::findings(&[SourceFile {
            path: "planted.rs".into(),
            module: Vec::new(),
            syntax,
        }])
        .len()
    }

    #[rstest]
    #[case::behind_a_test_item("#[cfg(test)] mod testing; fn f() { let now = std::time::Instant::now(); }")]
    #[case::by_a_short_name("use std::time::Instant; fn f() -> Instant { Instant::now() }")]
    #[case::in_a_group("use std::{fmt, net::TcpStream};")]
    #[case::in_a_macro("fn f() { assert!(std::env::var(\"X\").is_ok()); }")]
    #[case::renamed("use std::time::SystemTime as Time;")]
    #[case::a_runtime("use tokio::sync::Notify;")]
    fn a_clock_or_a_socket_is_found(#[case] text: &str) {
        assert_eq!(found(text), 1);
    }

    #[rstest]
    #[case::a_test("#[cfg(test)] mod tests { fn f() { std::time::Instant::now(); } } fn g() {}")]
    #[case::a_comment("/// Never calls `Instant::now`. \n fn tokio() {}")]
    #[case::an_argument("use std::time::Instant; fn f(now: Instant) {}")]
    fn what_is_none_is_not_found(#[case] text: &str) {
        assert_eq!(found(text), 0);
    }

    #[test]
    fn a_file_of_tests_only_is_an_error() {
        let parsed = parse(
            Path::new("planted.rs"),
            "#[cfg(test)] mod tests {}",
            TestItems::Remove,
        );
        assert!(matches!(parsed, Err(SourceError::NothingRemains(_))));
    }
}
