//! Which file may import which.

use std::collections::BTreeSet;

use xtask::imports::Graph;
use xtask::packages::{Package, packages};
use xtask::short;
use xtask::source::{TestItems, target};

/// The one test target whose files still import each other: the seeded world is one type, `World`,
/// and its shells (servers, shell, application) are `impl World` blocks beside the state that they
/// own.
const WITH_CIRCLES: (&str, &str) = ("workspace", "simulation");

/// The graph of each target of a package, by the target's name.
fn graphs(package: &Package) -> Vec<(String, Graph)> {
    let graphs = package.targets.iter().map(|of| {
        let tests = if of.product {
            TestItems::Remove
        } else {
            TestItems::Keep
        };
        let files = target(&of.root, tests).unwrap_or_else(|error| panic!("{error}"));
        (of.name.clone(), Graph::of(&files))
    });
    graphs.collect()
}

#[test]
fn no_files_of_a_package_import_each_other_in_a_circle() {
    let packages = packages();
    assert!(packages.len() > 8, "{:?}", packages.keys());
    let (mut imports, mut problems) = (0, Vec::new());
    for package in packages.values() {
        for (target, graph) in graphs(package) {
            imports += graph.import_count();
            if (package.name.as_str(), target.as_str()) == WITH_CIRCLES {
                assert!(
                    !graph.circles().is_empty(),
                    "{target} needs no exception any more"
                );
                continue;
            }
            problems.extend(
                graph
                    .circles()
                    .iter()
                    .map(|circle| format!("in {target}: {circle}")),
            );
        }
    }
    assert!(imports > 300, "only {imports} imports were read");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The files of linger-core's library whose module is `wing`, or lies in it.
fn wing(wing: &str) -> (Graph, BTreeSet<usize>) {
    let core = &packages()["linger-core"];
    let (_, graph) = graphs(core)
        .into_iter()
        .next()
        .expect("linger-core has a library");
    let folder = format!("crates/linger-core/src/{wing}");
    let members = (0..graph.files().len()).filter(|file| short(&graph.files()[*file]).starts_with(&folder));
    let members: BTreeSet<usize> = members.collect();
    assert!(members.len() > 5, "{folder} has {} files", members.len());
    (graph, members)
}

#[test]
fn append_never_imports_send() {
    let (graph, append) = wing("append");
    let (_, send) = wing("send");
    assert!(append.is_disjoint(&send));
    for file in &append {
        let reached = graph.reached(*file);
        let through: Vec<String> = reached
            .intersection(&send)
            .map(|file| short(&graph.files()[*file]))
            .collect();
        assert!(
            through.is_empty(),
            "{} imports {through:?}",
            short(&graph.files()[*file])
        );
    }
    // The other direction is what the two folders are for.
    assert!(send.iter().any(|file| !graph.reached(*file).is_disjoint(&append)));
}

/// The simulator is for tests of any producer, so it must not favour ours. Only sim/cli links both.
#[test]
fn the_simulators_library_never_names_the_producer_and_the_producer_never_the_simulator() {
    let packages = packages();
    for (name, forbidden) in [
        ("linger-sim", &["linger", "linger_core", "linger_lab", "clap"][..]),
        (
            "linger-sim-model",
            &["linger", "linger_core", "linger_lab", "clap"],
        ),
        ("linger", &["linger_sim", "linger_sim_model"]),
        ("linger-core", &["linger_sim", "linger_sim_model"]),
    ] {
        let library = packages[name]
            .targets
            .iter()
            .find(|target| target.product)
            .expect("a library");
        let files = target(&library.root, TestItems::Remove).unwrap_or_else(|error| panic!("{error}"));
        let graph = Graph::of(&files);
        for (index, file) in graph.files().iter().enumerate() {
            let named = foreign(&graph, index, forbidden);
            assert!(named.is_empty(), "{} names {named:?}", short(file));
        }
    }
}

/// The paths of a file that begin with one of these crates.
fn foreign<'g>(graph: &'g Graph, file: usize, crates: &[&str]) -> Vec<&'g str> {
    let paths = graph.paths(file).iter().map(String::as_str);
    paths
        .filter(|path| crates.contains(&path.split("::").next().unwrap_or_default()))
        .collect()
}

mod can_fail {
    use std::path::Path;

    use xtask::imports::Graph;
    use xtask::source::{SourceFile, TestItems, parse};

    fn planted(files: &[(&str, &str)]) -> Graph {
        let files = files.iter().map(|(module, text)| SourceFile {
            path: format!("{module}.rs").into(),
            module: if *module == "lib" {
                Vec::new()
            } else {
                vec![(*module).to_owned()]
            },
            syntax: parse(Path::new(module), text, TestItems::Remove).expect("it is Rust"),
        });
        Graph::of(&files.collect::<Vec<_>>())
    }

    #[test]
    fn a_planted_circle_is_reported_with_its_names() {
        let graph = planted(&[
            ("lib", "mod a; mod b;"),
            ("a", "use crate::b::B; pub struct A;"),
            ("b", "pub struct B(super::a::A);"),
        ]);
        let circles = graph.circles();
        assert_eq!(circles.len(), 1);
        assert!(
            circles[0].contains("crate::b::B") && circles[0].contains("super::a::A"),
            "{circles:?}"
        );
    }

    #[test]
    fn a_planted_foreign_crate_is_reported() {
        let graph = planted(&[(
            "lib",
            "use {std::fmt, linger::{Producer as P}}; fn f() { clap::parse() }",
        )]);
        assert_eq!(
            super::foreign(&graph, 0, &["linger", "clap"]),
            ["clap::parse", "linger::Producer"]
        );
    }

    #[test]
    #[should_panic(expected = "a target without files")]
    fn an_empty_result_of_the_reader_is_refused() {
        Graph::of(&[]);
    }
}
