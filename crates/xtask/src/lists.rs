//! What is longer than usual: files, functions, comment lines. A list to read, not a limit to
//! enforce.

use std::path::Path;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::packages::{Package, packages};
use crate::source::{TestItems, target};
use crate::{files, read, short, top};

/// Lines of a product file.
pub const FILE_LINES: usize = 500;
/// Lines of a function of product code.
pub const FUNCTION_LINES: usize = 80;
/// Columns of a line of comment.
pub const COMMENT_COLUMNS: usize = 100;

/// What may be longer, and why: a file, or a file and a function (`file.rs: function`).
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "crates/linger-core/src/send/verdict.rs: classify",
        "a table in the form of one match, with an arm for each group of error codes",
    ),
    (
        "crates/linger-core/src/config.rs: validate",
        "a flat list of checks, one after the other for each setting",
    ),
];

/// One thing that is longer than usual.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file, or the file and the function.
    pub name: String,
    /// How long, with its unit.
    pub length: String,
}

impl Entry {
    /// The reason why this may be so, if one was given.
    pub fn reason(&self) -> Option<&'static str> {
        let exception = EXCEPTIONS.iter().find(|(name, _)| *name == self.name);
        exception.map(|(_, reason)| *reason)
    }
}

/// Everything in the repository that is longer than usual, and the exceptions that nothing needs
/// any more.
pub fn long() -> (Vec<Entry>, Vec<&'static str>) {
    let mut entries = Vec::new();
    for package in packages().values() {
        long_product_code(package, &mut entries);
    }
    for folder in ["crates", "sim", "tests", "benches"] {
        for path in files(&top().join(folder), ".rs") {
            long_comments(&path, &read(&path), &mut entries);
        }
    }
    let unused = EXCEPTIONS
        .iter()
        .filter(|(name, _)| entries.iter().all(|entry| entry.name != *name))
        .map(|(name, _)| *name);
    let unused = unused.collect();
    (entries, unused)
}

fn long_product_code(package: &Package, entries: &mut Vec<Entry>) {
    for product in package.targets.iter().filter(|target| target.product) {
        let files = target(&product.root, TestItems::Remove).unwrap_or_else(|error| panic!("{error}"));
        for file in files {
            let lines = read(&file.path).lines().count();
            if lines > FILE_LINES {
                entries.push(Entry {
                    name: short(&file.path),
                    length: format!("{lines} lines"),
                });
            }
            let mut functions = Functions::default();
            functions.visit_file(&file.syntax);
            for (name, lines) in functions.long {
                entries.push(Entry {
                    name: format!("{}: {name}", short(&file.path)),
                    length: format!("{lines} lines"),
                });
            }
        }
    }
}

fn long_comments(path: &Path, text: &str, entries: &mut Vec<Entry>) {
    let long = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with("//") && line.chars().count() > COMMENT_COLUMNS);
    let lines: Vec<String> = long.map(|(index, _)| (index + 1).to_string()).collect();
    if !lines.is_empty() {
        entries.push(Entry {
            name: short(path),
            length: format!(
                "comments beyond column {COMMENT_COLUMNS} in lines {}",
                lines.join(", ")
            ),
        });
    }
}

/// Collects functions that are longer than usual.
#[derive(Default)]
struct Functions {
    long: Vec<(String, usize)>,
}

impl Functions {
    fn note(&mut self, name: &syn::Ident, whole: Span) {
        let lines = whole.end().line - whole.start().line + 1;
        if lines > FUNCTION_LINES {
            self.long.push((name.to_string(), lines));
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note(
            &item.sig.ident,
            item.sig
                .span()
                .join(item.block.span())
                .unwrap_or_else(|| item.span()),
        );
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(
            &item.sig.ident,
            item.sig
                .span()
                .join(item.block.span())
                .unwrap_or_else(|| item.span()),
        );
        visit::visit_impl_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_function_is_found_and_a_short_one_is_not() {
        let long = format!(
            "impl S {{ fn long() {{\n{}}} }} fn short() {{}}",
            "f();\n".repeat(FUNCTION_LINES - 1)
        );
        let mut functions = Functions::default();
        functions.visit_file(&syn::parse_file(&long).expect("it is Rust"));
        assert_eq!(functions.long, [("long".to_owned(), FUNCTION_LINES + 1)]);
    }

    #[test]
    fn a_wide_comment_is_found_and_wide_code_is_not() {
        let mut entries = Vec::new();
        let text = format!("// {}\n// short\nlet {} = 1;\n", "x".repeat(100), "y".repeat(100));
        long_comments(Path::new("planted.rs"), &text, &mut entries);
        let [entry] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert!(entry.length.ends_with("lines 1"), "{entry:?}");
    }
}
