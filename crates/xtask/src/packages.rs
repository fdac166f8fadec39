//! What the manifests say, as Cargo reads them: targets, dependencies of every table, and what
//! those bring along.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::top;

/// The manifests of the repository's workspaces.
pub const WORKSPACES: [&str; 2] = ["Cargo.toml", "benches/peers/Cargo.toml"];

/// A package of the repository.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Whether it is published.
    pub published: bool,
    /// The oldest compiler that it states, as `1.88`.
    pub rust_version: Option<String>,
    /// Its features by name.
    pub features: Vec<String>,
    /// Its targets.
    pub targets: Vec<Target>,
    /// What its manifest depends on outside tests: `dependencies`, `build-dependencies`, and both
    /// for some targets only.
    pub dependencies: BTreeSet<String>,
}

/// A library, a binary, a test, a benchmark or an example.
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// True for a library or a binary, false for what only tests, measures or shows one.
    pub product: bool,
    /// Its first file.
    pub root: PathBuf,
}

/// The packages of the repository, by name.
///
/// # Panics
///
/// If Cargo does not answer, or if it names no package.
pub fn packages() -> BTreeMap<String, Package> {
    let mut packages = BTreeMap::new();
    for manifest in WORKSPACES {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([
                "metadata",
                "--no-deps",
                "--offline",
                "--format-version",
                "1",
                "--manifest-path",
            ])
            .arg(top().join(manifest))
            .output()
            .expect("cargo starts");
        assert!(
            output.status.success(),
            "cargo metadata of {manifest}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let answer: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
        let found = list(&answer["packages"]).iter().map(package);
        let before = packages.len();
        packages.extend(found.map(|package| (package.name.clone(), package)));
        assert!(packages.len() > before, "{manifest} has no packages");
    }
    packages
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn package(package: &Value) -> Package {
    let targets = list(&package["targets"]).iter().map(|target| Target {
        name: text(&target["name"]),
        product: list(&target["kind"])
            .iter()
            .any(|kind| kind == "lib" || kind == "bin"),
        root: text(&target["src_path"]).into(),
    });
    let dependencies = list(&package["dependencies"])
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text(&dependency["name"]));
    Package {
        name: text(&package["name"]),
        published: package["publish"].is_null(),
        rust_version: package["rust_version"].as_str().map(str::to_owned),
        features: package["features"]
            .as_object()
            .map(|features| features.keys().cloned().collect())
            .unwrap_or_default(),
        targets: targets.collect(),
        dependencies: dependencies.collect(),
    }
}

/// Everything that a package brings along outside tests: its own dependencies by its manifest,
/// theirs by `Cargo.lock`.
///
/// # Panics
///
/// If a dependency is neither a package of the repository nor in `Cargo.lock`.
pub fn brought_along(packages: &BTreeMap<String, Package>, lock: &str, name: &str) -> BTreeSet<String> {
    let locked = locked(lock);
    let mut brought = BTreeSet::new();
    let mut waiting: Vec<&str> = packages[name].dependencies.iter().map(String::as_str).collect();
    while let Some(next) = waiting.pop() {
        if !brought.insert(next.to_owned()) {
            continue;
        }
        // For the repository's own packages Cargo.lock also lists what their tests need.
        match packages.get(next) {
            Some(package) => waiting.extend(package.dependencies.iter().map(String::as_str)),
            None => {
                let dependencies = locked.get(next);
                let dependencies = dependencies.unwrap_or_else(|| panic!("{next} is not in Cargo.lock"));
                waiting.extend(dependencies.iter().copied());
            }
        }
    }
    brought
}

/// The dependencies of each package in a `Cargo.lock`; several versions of one package are taken
/// together.
fn locked(lock: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut locked: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(quoted) = line.strip_prefix("name = ") {
            name = quoted.trim_matches('"');
            locked.entry(name).or_default();
        } else if let Some(quoted) = line.trim_start().strip_prefix('"')
            && let Some(dependency) = quoted.split(['"', ' ']).next()
        {
            locked.entry(name).or_default().push(dependency);
        }
    }
    locked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(dependencies: &[&str]) -> Package {
        Package {
            name: "planted".to_owned(),
            published: true,
            rust_version: None,
            features: Vec::new(),
            targets: Vec::new(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn every_dependency_table_is_read_and_those_of_tests_are_not() {
        let manifest = serde_json::json!({
            "name": "planted",
            "publish": null,
            "dependencies": [
                { "name": "bytes", "kind": null, "target": null },
                { "name": "mio", "kind": null, "target": "cfg(unix)" },
                { "name": "tokio", "kind": "build", "target": null },
                { "name": "rstest", "kind": "dev", "target": null },
            ],
        });
        let package = package(&manifest);
        assert_eq!(
            package.dependencies,
            planted(&["bytes", "mio", "tokio"]).dependencies
        );
        assert!(package.published);
    }

    #[test]
    fn what_a_dependency_depends_on_is_brought_along() {
        let lock = "[[package]]\nname = \"a\"\ndependencies = [\n \"b 2.0.0\",\n]\n\n[[package]]\nname = \"b\"\n\
                    dependencies = [\n \"tokio\",\n]\n\n[[package]]\nname = \"tokio\"\n";
        let packages = BTreeMap::from([
            ("top".to_owned(), planted(&["planted"])),
            ("planted".to_owned(), planted(&["a"])),
        ]);
        let brought: Vec<String> = brought_along(&packages, lock, "top").into_iter().collect();
        assert_eq!(brought, ["a", "b", "planted", "tokio"]);
    }
}
