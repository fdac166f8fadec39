//! Code that is whole, and says what it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xtask::packages::packages;
use xtask::source::{TestItems, target};
use xtask::{files, read, short, top};

/// Marks of what is to be done later. They are put together here, so that this file does not hold
/// them.
fn marks() -> [String; 4] {
    [
        ["FIX", "ME"],
        ["to", "do!("],
        ["unimple", "mented!("],
        ["#[ig", "nore"],
    ]
    .map(|halves| halves.concat())
}

fn marked(text: &str) -> Option<String> {
    marks().into_iter().find(|mark| text.contains(mark))
}

#[test]
fn nothing_is_left_unfinished() {
    for folder in ["crates", "sim", "tests", "benches"] {
        for path in files(&top().join(folder), ".rs") {
            let mark = marked(&read(&path));
            assert!(mark.is_none(), "{} says {mark:?}", short(&path));
        }
    }
}

#[test]
fn a_mark_is_found() {
    for mark in marks() {
        assert_eq!(marked(&format!("fn f() {{ {mark}) }}")), Some(mark));
    }
}

/// A file that no `mod` declares is not compiled, and rots.
#[test]
fn every_file_of_a_library_or_a_binary_is_compiled() {
    for package in packages().values() {
        let products = package.targets.iter().filter(|target| target.product);
        let roots: Vec<&Path> = products.map(|target| target.root.as_path()).collect();
        let compiled = roots.iter().flat_map(|root| {
            let files = target(root, TestItems::Keep).unwrap_or_else(|error| panic!("{error}"));
            files.into_iter().map(|file| file.path)
        });
        let compiled: BTreeSet<PathBuf> = compiled.collect();
        for folder in roots.iter().filter_map(|root| root.parent()) {
            let lost: Vec<String> = undeclared(&files(folder, ".rs"), &compiled);
            assert!(lost.is_empty(), "no `mod` declares {lost:?}");
        }
    }
}

fn undeclared(present: &[PathBuf], compiled: &BTreeSet<PathBuf>) -> Vec<String> {
    let lost = present.iter().filter(|path| !compiled.contains(*path));
    lost.map(|path| short(path)).collect()
}

#[test]
fn a_file_that_is_not_compiled_is_found() {
    let present = ["a.rs", "b.rs"].map(PathBuf::from);
    assert_eq!(undeclared(&present, &BTreeSet::from(["a.rs".into()])), ["b.rs"]);
}

#[test]
fn every_message_names_its_versions() {
    let messages = files(&top().join("crates/linger-protocol/src/messages"), ".rs");
    assert!(messages.len() > 8, "the messages are in {messages:?} only");
    for path in messages.iter().filter(|path| !path.ends_with("mod.rs")) {
        let text = read(path);
        if text.contains("Request") {
            assert!(
                names_key_and_versions(&text),
                "{} does not open with its key and versions",
                short(path)
            );
        }
    }
}

fn names_key_and_versions(text: &str) -> bool {
    let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
    let digit_after = |word: &str| {
        head.split(word)
            .skip(1)
            .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    digit_after("key ") && (digit_after("v") || digit_after("version ") || digit_after("versions "))
}

#[test]
fn a_message_without_its_versions_is_found() {
    assert!(names_key_and_versions("//! Produce (key 0), v3–v9.\nstruct A;"));
    assert!(!names_key_and_versions(
        "//! Produce, whatever the key and the version.\nstruct A;"
    ));
    assert!(!names_key_and_versions("struct A; // key 0, v3"));
}
