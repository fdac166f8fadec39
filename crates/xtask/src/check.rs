//! What must hold of a change besides its tests.

use std::collections::BTreeMap;
use std::time::Instant;

use clap::ValueEnum;
use xtask::lists;
use xtask::packages::{Package, packages};

use crate::command::{Step, run_all};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Piece {
    /// `cargo fmt --check`
    Fmt,
    /// `cargo clippy` on everything, warnings denied
    Clippy,
    /// `cargo doc`, warnings denied
    Doc,
    /// Each published library without its features, with each alone, and with all
    Features,
    /// Each published library with the oldest compiler that it states
    Msrv,
    /// `cargo deny`: advisories, licences and sources of the dependencies
    Deny,
    /// `cargo semver-checks`: the public interface against the last released tag
    Semver,
    /// The shared value of a batch, in every order of the atomic operations of its threads
    Loom,
    /// The fuzz targets compile (needs a nightly compiler)
    Fuzzers,
    /// What is longer than usual: files, functions, comment lines. To read; it never fails
    Lists,
}

enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

impl From<bool> for Outcome {
    fn from(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// Runs the pieces, all if none is named; true if none failed.
pub(crate) fn run(pieces: &[Piece], quick: bool) -> bool {
    let quick_pieces = [Piece::Fmt, Piece::Clippy, Piece::Doc, Piece::Lists];
    let chosen = match (pieces, quick) {
        ([], false) => Piece::value_variants(),
        ([], true) => &quick_pieces,
        (pieces, _) => pieces,
    };
    let mut summary = Vec::new();
    for piece in chosen {
        let start = Instant::now();
        let outcome = piece.run();
        summary.push((piece.name(), start.elapsed().as_secs(), outcome));
    }
    println!("\n== summary");
    for (name, seconds, outcome) in &summary {
        match outcome {
            Outcome::Passed => println!("{name:9} passed, {seconds} s"),
            Outcome::Failed => println!("{name:9} FAILED"),
            Outcome::Skipped(why) => println!("{name:9} skipped: {why}"),
        }
    }
    summary
        .iter()
        .all(|(_, _, outcome)| !matches!(outcome, Outcome::Failed))
}

impl Piece {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn run(self) -> Outcome {
        match self {
            Self::Fmt => run_all([Step::cargo("fmt --all --check")]).into(),
            Self::Clippy => {
                run_all([Step::cargo("clippy --workspace --all-targets -- --deny warnings")]).into()
            }
            Self::Doc => {
                let doc = Step::cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "--deny warnings");
                run_all([doc]).into()
            }
            Self::Features => features().into(),
            Self::Msrv => msrv(),
            Self::Deny => deny(),
            Self::Semver => semver(),
            Self::Loom => loom().into(),
            Self::Fuzzers => fuzzers(),
            Self::Lists => show_lists(),
        }
    }
}

/// The published packages that are libraries.
fn libraries(packages: &BTreeMap<String, Package>) -> impl Iterator<Item = &Package> {
    let published = packages.values().filter(|package| package.published);
    published.filter(|package| {
        package
            .targets
            .iter()
            .any(|target| target.root.ends_with("src/lib.rs"))
    })
}

/// The libraries that share the features of the codecs are checked together: one call per set of
/// features.
fn features() -> bool {
    let packages = packages();
    let mut names: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for package in libraries(&packages) {
        let mut features: Vec<&str> = package.features.iter().map(String::as_str).collect();
        features.retain(|feature| *feature != "default");
        features.sort_unstable();
        // Without features there is one way to build a package, and Clippy has.
        if !features.is_empty() {
            names.entry(features).or_default().push(&package.name);
        }
    }
    let steps = names.iter().flat_map(|(features, packages)| {
        let mut sets = vec![String::new(), features.join(",")];
        if features.len() > 1 {
            sets.extend(features.iter().map(|feature| (*feature).to_owned()));
        }
        sets.into_iter().map(move |set| {
            let mut clippy = Step::cargo("clippy --quiet --no-default-features");
            for package in packages {
                clippy = clippy.args(["--package", package]);
            }
            clippy.args(["--features", &set, "--", "--deny", "warnings"])
        })
    });
    run_all(steps) && run_all(codecs_left_out()) && needs_no_c_compiler(&packages)
}

/// The tests that hold for every set of codecs, without some codecs; and a build in which no C
/// compiler works.
fn codecs_left_out() -> Vec<Step> {
    let without_c = "build --quiet --package linger --no-default-features --features lz4,snappy";
    let mut steps = vec![
        Step::cargo(without_c)
            .args(["--target-dir", "target/without-c"])
            .env("CC", "/bin/false"),
    ];
    for features in ["", "lz4,snappy"] {
        let codecs = Step::cargo("test --quiet --package linger-protocol --test built_codecs");
        let builder = Step::cargo("test --quiet --package linger --lib builder");
        steps.extend(
            [codecs, builder].map(|test| test.args(["--no-default-features", "--features", features])),
        );
    }
    steps
}

/// Without zstd nothing that the producer brings along compiles C.
fn needs_no_c_compiler(packages: &BTreeMap<String, Package>) -> bool {
    if !packages["linger"]
        .features
        .iter()
        .any(|feature| feature == "zstd")
    {
        return true;
    }
    let tree = "tree --package linger --no-default-features --features lz4,snappy,gzip --edges normal,build --prefix none";
    println!("\n== cargo {tree}");
    let Some(tree) = Step::cargo(tree).output() else {
        println!("cargo tree failed");
        return false;
    };
    let compilers = ["cc ", "cmake ", "bindgen ", "zstd-sys "];
    let found: Vec<&str> = tree
        .lines()
        .filter(|line| compilers.iter().any(|name| line.starts_with(name)))
        .collect();
    if !found.is_empty() {
        println!("linger needs a C compiler without zstd, for {found:?}");
    }
    found.is_empty()
}

fn msrv() -> Outcome {
    let packages = packages();
    let mut by_version: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in libraries(&packages) {
        let version = package.rust_version.as_deref().unwrap_or("none");
        by_version.entry(version).or_default().push(&package.name);
    }
    for (version, names) in by_version {
        if Step::cargo(&format!("+{version} --version")).output().is_none() {
            let install = format!("toolchain install {version} --profile minimal");
            if !Step::new("rustup").args(install.split(' ')).run() {
                return Outcome::Skipped(format!("rustup cannot install Rust {version}"));
            }
        }
        let mut check = Step::cargo(&format!("+{version} check --quiet --target-dir target/msrv"));
        for name in names {
            check = check.args(["--package", name]);
        }
        if !check.run() {
            return Outcome::Failed;
        }
    }
    Outcome::Passed
}

/// Installs a subcommand of cargo if it is missing; false if that is not possible.
fn install(subcommand: &str) -> bool {
    let present = Step::cargo(&format!("{subcommand} --version")).output().is_some();
    present || Step::cargo(&format!("install --locked cargo-{subcommand}")).run()
}

fn deny() -> Outcome {
    if !install("deny") {
        return Outcome::Skipped("cargo-deny cannot be installed".to_owned());
    }
    if !Step::cargo("deny check bans licenses sources").run() {
        return Outcome::Failed;
    }
    if Step::cargo("deny fetch db").output().is_none() {
        return Outcome::Skipped(
            "bans, licenses and sources passed; the advisories cannot be downloaded".to_owned(),
        );
    }
    run_all([Step::cargo("deny check advisories")]).into()
}

fn semver() -> Outcome {
    // Without a release there is nothing that a change could break.
    let tags = Step::new("git")
        .args(["tag", "--list", "v[0-9]*", "--sort=-version:refname"])
        .output();
    let Some(last) = tags.as_deref().and_then(|tags| tags.lines().next()) else {
        return Outcome::Skipped("nothing is released yet: there is no tag v*".to_owned());
    };
    if !install("semver-checks") {
        return Outcome::Skipped("cargo-semver-checks cannot be installed".to_owned());
    }
    let packages = packages();
    let steps = libraries(&packages).map(|package| {
        Step::cargo("semver-checks check-release").args(["--package", &package.name, "--baseline-rev", last])
    });
    run_all(steps).into()
}

/// Fails too if no test is left that loom would run.
fn loom() -> bool {
    let tests = |arguments: &[&str]| {
        Step::cargo("test --package linger-core --lib --target-dir target/loom share::model")
            .args(arguments)
            .env("RUSTFLAGS", "--cfg linger_loom")
    };
    if !tests(&[]).run() {
        return false;
    }
    let list = tests(&["--", "--list"]).output();
    list.is_some_and(|list| list.contains("share::model::"))
}

fn fuzzers() -> Outcome {
    if Step::cargo("+nightly --version").output().is_none() {
        return Outcome::Skipped("there is no nightly compiler".to_owned());
    }
    let check = Step::cargo("+nightly check --quiet --manifest-path crates/linger-protocol/fuzz/Cargo.toml");
    run_all([check]).into()
}

fn show_lists() -> Outcome {
    let (entries, unused) = lists::long();
    println!(
        "\n== files above {} lines, functions above {} lines, comments above {} columns",
        lists::FILE_LINES,
        lists::FUNCTION_LINES,
        lists::COMMENT_COLUMNS
    );
    for entry in &entries {
        let reason = entry.reason().unwrap_or("no reason given");
        println!("{}: {} ({reason})", entry.name, entry.length);
    }
    for name in unused {
        println!("{name}: no longer on the list; remove its exception");
    }
    Outcome::Passed
}
