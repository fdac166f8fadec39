//! Which file of a target imports which, and whether that goes round in a circle.
//!
//! An import is a `use` declaration, or a path in code that begins at `crate`, `self`, `super` or a
//! child module. A name that a module only re-exports counts as an import of the file that defines
//! it. `mod` declarations are no imports. Neither is what a module takes from a module that
//! encloses it: seen from elsewhere, the two are one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, UseTree};

use crate::source::SourceFile;

/// How many re-exports a name may pass through. More is a circle of re-exports.
const REEXPORTS_MAX: usize = 16;

/// The files of a target and the imports between them.
#[derive(Debug)]
pub struct Graph {
    files: Vec<PathBuf>,
    /// From importer to imported, with one of the paths that import it.
    imports: Vec<BTreeMap<usize, String>>,
    /// Every path that a file names.
    paths: Vec<BTreeSet<String>>,
}

impl Graph {
    /// The graph of a target's files.
    ///
    /// # Panics
    ///
    /// If there are no files.
    pub fn of(files: &[SourceFile]) -> Self {
        assert!(!files.is_empty(), "a target without files");
        let table = Table::of(files);
        let mut graph = Self {
            files: files.iter().map(|file| file.path.clone()).collect(),
            imports: vec![BTreeMap::new(); files.len()],
            paths: vec![BTreeSet::new(); files.len()],
        };
        for (module, scope) in &table.scopes {
            for path in &scope.paths {
                graph.paths[scope.file].insert(path.join("::"));
                let Some(target) = table.resolve(module, path, 0) else {
                    continue;
                };
                let encloses = module.starts_with(&files[target].module);
                if target != scope.file && !encloses {
                    let text = path.join("::");
                    graph.imports[scope.file].entry(target).or_insert(text);
                }
            }
        }
        graph
    }

    /// The files, in the order in which they were read.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Every path that a file names, its `use` trees flattened.
    pub fn paths(&self, file: usize) -> &BTreeSet<String> {
        &self.paths[file]
    }

    /// How many imports there are between different files.
    pub fn import_count(&self) -> usize {
        self.imports.iter().map(BTreeMap::len).sum()
    }

    /// One shortest circle for each group of files that import each other; each step names the
    /// importing path.
    pub fn circles(&self) -> Vec<String> {
        let reached: Vec<BTreeSet<usize>> = (0..self.files.len()).map(|file| self.reached(file)).collect();
        let mut told = BTreeSet::new();
        let mut circles = Vec::new();
        for file in 0..self.files.len() {
            if !reached[file].contains(&file) || told.contains(&file) {
                continue;
            }
            let group = reached[file]
                .iter()
                .filter(|other| reached[**other].contains(&file));
            told.extend(group.copied());
            circles.push(self.circle(file));
        }
        circles
    }

    /// The files that `file` imports, directly or through others.
    pub fn reached(&self, file: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![file];
        while let Some(file) = waiting.pop() {
            waiting.extend(self.imports[file].keys().filter(|next| reached.insert(**next)));
        }
        reached
    }

    /// The shortest circle through a file that is known to be on one.
    fn circle(&self, start: usize) -> String {
        let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
        let mut waiting = VecDeque::from([start]);
        'search: while let Some(file) = waiting.pop_front() {
            for next in self.imports[file].keys() {
                if *next == start {
                    came_from.insert(start, file);
                    break 'search;
                }
                if !came_from.contains_key(next) {
                    came_from.insert(*next, file);
                    waiting.push_back(*next);
                }
            }
        }
        let mut steps = vec![start];
        while let Some(from) = came_from.get(steps.last().unwrap_or(&start)) {
            steps.push(*from);
            if *from == start {
                break;
            }
        }
        steps.reverse();
        let mut text = crate::short(&self.files[start]);
        for pair in steps.windows(2) {
            let by = &self.imports[pair[0]][&pair[1]];
            text.push_str(&format!(
                "\n    uses `{by}` of {}",
                crate::short(&self.files[pair[1]])
            ));
        }
        text
    }
}

/// The index of a file of a graph.
pub fn position(graph: &Graph, path: &Path) -> Option<usize> {
    graph.files.iter().position(|file| file == path)
}

/// What is known of one module: of a file, or of an inline module within one.
#[derive(Debug, Default)]
struct Scope {
    file: usize,
    children: BTreeSet<String>,
    defined: BTreeSet<String>,
    /// Names that `use` brings into the module, with the path they stand for.
    aliases: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// All paths that the module's items name.
    paths: BTreeSet<Vec<String>>,
}

struct Table {
    scopes: BTreeMap<Vec<String>, Scope>,
}

impl Table {
    fn of(files: &[SourceFile]) -> Self {
        let mut table = Self {
            scopes: BTreeMap::new(),
        };
        for (index, file) in files.iter().enumerate() {
            table.add(index, &file.module, &file.syntax.items);
        }
        table
    }

    fn add(&mut self, file: usize, module: &[String], items: &[Item]) {
        let mut scope = Scope {
            file,
            ..Scope::default()
        };
        for item in items {
            match item {
                Item::Use(item) => flatten(&item.tree, &mut Vec::new(), &mut scope),
                Item::Mod(item) => {
                    let name = item.ident.to_string();
                    if let Some((_, items)) = &item.content {
                        let inner: Vec<String> = module.iter().cloned().chain([name.clone()]).collect();
                        self.add(file, &inner, items);
                    }
                    scope.children.insert(name);
                }
                item => {
                    scope.defined.extend(name_of(item));
                    collect(item.to_token_stream(), &mut scope.paths);
                }
            }
        }
        self.scopes.insert(module.to_vec(), scope);
    }

    /// The file that defines what `path` names in `module`; `None` if that lies outside the target.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<usize> {
        let scope = self.scopes.get(module)?;
        let (first, rest) = path.split_first()?;
        if depth > REEXPORTS_MAX {
            return Some(scope.file);
        }
        match first.as_str() {
            "crate" => self.descend(&[], rest, depth),
            "self" => self.descend(module, rest, depth),
            "super" => {
                let (_, parent) = module.split_last()?;
                match rest.first().map(String::as_str) {
                    Some("super") => self.resolve(parent, rest, depth),
                    _ => self.descend(parent, rest, depth),
                }
            }
            name if scope.children.contains(name) => self.descend(module, path, depth),
            name => {
                let alias = scope.aliases.get(name)?;
                if alias.first() == Some(first) {
                    return None; // A crate, imported by its own name.
                }
                let path: Vec<String> = alias.iter().chain(rest).cloned().collect();
                self.resolve(module, &path, depth + 1)
            }
        }
    }

    /// Follows `path` from a module downwards, and through re-exports.
    fn descend(&self, module: &[String], path: &[String], depth: usize) -> Option<usize> {
        let scope = self.scopes.get(module)?;
        let Some((first, rest)) = path.split_first() else {
            return Some(scope.file);
        };
        if first == "super" {
            return self.resolve(module, path, depth);
        }
        if scope.children.contains(first) {
            let inner: Vec<String> = module.iter().chain([first]).cloned().collect();
            return self.descend(&inner, rest, depth);
        }
        if depth > REEXPORTS_MAX || scope.defined.contains(first) {
            return Some(scope.file);
        }
        if let Some(alias) = scope.aliases.get(first) {
            let path: Vec<String> = alias.iter().chain(rest).cloned().collect();
            return self.resolve(module, &path, depth + 1);
        }
        let found = scope.globs.iter().find_map(|glob| {
            let target = self.module_of(module, glob)?;
            let known = self.scopes.get(&target)?;
            (known.defined.contains(first)
                || known.children.contains(first)
                || known.aliases.contains_key(first))
            .then(|| self.descend(&target, path, depth + 1))?
        });
        found.or(Some(scope.file))
    }

    /// The module that a glob import names, if it is a module of this target.
    fn module_of(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut at = module.to_vec();
        for (index, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" if index == 0 => at.clear(),
                "self" => {}
                "super" => drop(at.pop()?),
                name => at.push(name.to_owned()),
            }
        }
        self.scopes.contains_key(&at).then_some(at)
    }
}

/// Enters every leaf of a `use` tree.
fn flatten(tree: &UseTree, before: &mut Vec<String>, scope: &mut Scope) {
    let mut enter = |name: &str, before: &[String], leaf: Option<&str>| {
        let path: Vec<String> = before.iter().cloned().chain(leaf.map(str::to_owned)).collect();
        scope.paths.insert(path.clone());
        scope.aliases.insert(name.to_owned(), path);
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, scope);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            let last = before.last().cloned().unwrap_or_default();
            enter(&last, before, None);
        }
        UseTree::Name(name) => enter(&name.ident.to_string(), before, Some(&name.ident.to_string())),
        UseTree::Rename(rename) if rename.ident == "self" => enter(&rename.rename.to_string(), before, None),
        UseTree::Rename(rename) => enter(
            &rename.rename.to_string(),
            before,
            Some(&rename.ident.to_string()),
        ),
        UseTree::Glob(_) => {
            scope.paths.insert(before.clone());
            scope.globs.push(before.clone());
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, scope);
            }
        }
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(name.to_string())
}

/// Every path of two segments and more in the tokens, those of macro calls included.
fn collect(tokens: TokenStream, paths: &mut BTreeSet<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for (index, token) in tokens.into_iter().enumerate() {
        match token {
            // `pub(in crate::send)` names a module and imports nothing.
            TokenTree::Ident(name) if index == 0 && name == "in" => return,
            TokenTree::Ident(name) => {
                if colons != 2 {
                    finish(&mut path, paths);
                }
                path.push(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            other => {
                finish(&mut path, paths);
                colons = 0;
                if let TokenTree::Group(group) = other {
                    collect(group.stream(), paths);
                }
            }
        }
    }
    finish(&mut path, paths);
}

fn finish(path: &mut Vec<String>, paths: &mut BTreeSet<Vec<String>>) {
    let path = std::mem::take(path);
    if path.len() > 1 {
        paths.insert(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{TestItems, parse};

    fn graph(files: &[(&str, &str)]) -> Graph {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(module, text)| SourceFile {
                path: format!("{module}.rs").into(),
                module: module
                    .split("::")
                    .filter(|part| *part != "lib")
                    .map(str::to_owned)
                    .collect(),
                syntax: parse(Path::new(module), text, TestItems::Remove).expect("it is Rust"),
            })
            .collect();
        Graph::of(&files)
    }

    #[test]
    fn a_circle_by_use_is_found_and_told() {
        let graph = graph(&[
            ("lib", "mod a; mod b; mod c;"),
            ("a", "use crate::b::B; pub struct A;"),
            ("b", "use super::c::{C, D as E}; pub struct B;"),
            ("c", "use crate::a; pub struct C; pub struct D;"),
        ]);
        let circles = graph.circles();
        assert_eq!(circles.len(), 1, "{circles:?}");
        assert_eq!(
            circles[0],
            "a.rs\n    uses `crate::b::B` of b.rs\n    uses `super::c::C` of c.rs\n    uses `crate::a` of a.rs"
        );
    }

    #[test]
    fn a_circle_by_paths_in_code_and_macros_is_found() {
        let graph = graph(&[
            ("lib", "mod a; mod b;"),
            ("a", "fn f() { assert!(crate::b::holds()); }"),
            ("b", "fn g(x: &super::a::A) {}"),
        ]);
        assert_eq!(graph.circles().len(), 1);
    }

    #[test]
    fn a_reexport_counts_as_its_definition() {
        let files = [
            ("lib", "mod a; mod b; pub use a::A;"),
            ("a", "pub struct A;"),
            ("b", "use crate::A;"),
        ];
        let without = graph(&files);
        assert!(without.circles().is_empty(), "{:?}", without.circles());
        assert_eq!(without.reached(2), BTreeSet::from([1]));
        let globbed = graph(&[
            ("lib", "mod a; mod b; pub use a::*;"),
            ("a", "pub struct A;"),
            ("b", "use crate::A;"),
        ]);
        assert_eq!(globbed.reached(2), BTreeSet::from([1]));
    }

    #[test]
    fn a_child_may_use_its_parent_but_not_its_parents_sibling_back() {
        let none = graph(&[
            ("lib", "mod a; use a::A; pub struct B;"),
            ("a", "mod b; use super::B; pub struct A; fn f() { b::g() }"),
            ("a::b", "use super::A; use crate::B; pub fn g() {}"),
        ]);
        assert!(none.circles().is_empty(), "{:?}", none.circles());
        let circle = graph(&[
            ("lib", "mod a; mod c;"),
            ("a", "mod b; fn f() { b::g() }"),
            ("a::b", "use crate::c::C;"),
            ("c", "use crate::a;"),
        ]);
        assert_eq!(circle.circles().len(), 1);
    }

    #[test]
    fn tests_visibilities_and_other_crates_import_nothing() {
        let none = graph(&[
            ("lib", "mod a; mod b;"),
            (
                "a",
                "use bytes::Bytes; use std::fmt; pub(in crate::b) struct A; #[cfg(test)] mod t { use crate::b::B; }",
            ),
            ("b", "use crate::a::A; pub struct B;"),
        ]);
        assert!(none.circles().is_empty(), "{:?}", none.circles());
        assert_eq!(none.import_count(), 1);
    }

    #[test]
    #[should_panic(expected = "a target without files")]
    fn no_files_are_no_graph() {
        Graph::of(&[]);
    }
}
