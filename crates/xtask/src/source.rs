//! The files of a target, found by following its `mod` declarations, without the items that only
//! tests compile.

use std::fmt;
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Item, ItemMod, Meta, Token};

/// What happens to items that only a build for tests has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestItems {
    /// They are removed; what remains is the product.
    Remove,
    /// They stay: the file belongs to a test target.
    Keep,
}

/// One file of a target.
pub struct SourceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its module path within the target: empty for the root.
    pub module: Vec<String>,
    /// Its items.
    pub syntax: syn::File,
}

/// Why the files of a target cannot be read.
#[derive(Debug)]
pub enum SourceError {
    /// A file cannot be read.
    Read(PathBuf, std::io::Error),
    /// A file is not Rust.
    Parse(PathBuf, syn::Error),
    /// Nothing remains of a file once the test items are removed.
    NothingRemains(PathBuf),
    /// A `mod` declaration names a file that does not exist.
    NoModule {
        /// The file with the declaration.
        path: PathBuf,
        /// The declared name.
        name: String,
    },
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Parse(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NothingRemains(path) => {
                write!(f, "{}: nothing remains without the test items", path.display())
            }
            Self::NoModule { path, name } => write!(f, "{}: no file for `mod {name}`", path.display()),
        }
    }
}

impl std::error::Error for SourceError {}

/// Reads the target whose root is `root` (`src/lib.rs`, `tests/it/main.rs`, …).
///
/// # Errors
///
/// If a file is missing or is not Rust, or if nothing remains of it.
pub fn target(root: &Path, tests: TestItems) -> Result<Vec<SourceFile>, SourceError> {
    let mut files = Vec::new();
    let folder = folder_of(root);
    read_file(root, &folder, Vec::new(), tests, &mut files)?;
    Ok(files)
}

/// Parses one file's text. `path` is for the message.
///
/// # Errors
///
/// If the text is not Rust, or if nothing remains of it.
pub fn parse(path: &Path, text: &str, tests: TestItems) -> Result<syn::File, SourceError> {
    let mut syntax = syn::parse_file(text).map_err(|error| SourceError::Parse(path.to_owned(), error))?;
    if tests == TestItems::Remove {
        RemoveTests.visit_file_mut(&mut syntax);
    }
    if syntax.items.is_empty() {
        return Err(SourceError::NothingRemains(path.to_owned()));
    }
    Ok(syntax)
}

/// `folder` is where the files of the modules that `path` declares lie.
fn read_file(
    path: &Path,
    folder: &Path,
    module: Vec<String>,
    tests: TestItems,
    files: &mut Vec<SourceFile>,
) -> Result<(), SourceError> {
    let text = std::fs::read_to_string(path).map_err(|error| SourceError::Read(path.to_owned(), error))?;
    let syntax = parse(path, &text, tests)?;
    let mut children = Vec::new();
    declared(&syntax.items, path, folder, &module, &mut children)?;
    files.push(SourceFile {
        path: path.to_owned(),
        module,
        syntax,
    });
    for child in children {
        read_file(&child.path, &child.folder, child.module, tests, files)?;
    }
    Ok(())
}

struct Child {
    path: PathBuf,
    folder: PathBuf,
    module: Vec<String>,
}

/// The modules that have a file of their own, also those within inline modules.
fn declared(
    items: &[Item],
    path: &Path,
    folder: &Path,
    module: &[String],
    children: &mut Vec<Child>,
) -> Result<(), SourceError> {
    for item in items {
        let Item::Mod(item) = item else { continue };
        let name = item.ident.to_string();
        let inner: Vec<String> = module.iter().cloned().chain([name.clone()]).collect();
        match &item.content {
            Some((_, items)) => declared(items, path, &folder.join(&name), &inner, children)?,
            None => children.push(child(item, path, folder, inner)?),
        }
    }
    Ok(())
}

fn child(item: &ItemMod, path: &Path, folder: &Path, module: Vec<String>) -> Result<Child, SourceError> {
    let name = item.ident.to_string();
    if let Some(given) = path_attribute(&item.attrs) {
        let path = folder_of(path).join(given);
        let folder = folder_of(&path);
        return Ok(Child { path, folder, module });
    }
    let candidates = [
        folder.join(format!("{name}.rs")),
        folder.join(&name).join("mod.rs"),
    ];
    match candidates.into_iter().find(|path| path.exists()) {
        Some(path) => Ok(Child {
            path,
            folder: folder.join(&name),
            module,
        }),
        None => Err(SourceError::NoModule {
            path: path.to_owned(),
            name,
        }),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let Meta::NameValue(meta) = &attribute.meta else {
            return None;
        };
        let syn::Expr::Lit(literal) = &meta.value else {
            return None;
        };
        match &literal.lit {
            syn::Lit::Str(text) if meta.path.is_ident("path") => Some(text.value()),
            _ => None,
        }
    })
}

/// True if an item with these attributes exists only in a build for tests or for loom.
pub fn only_in_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let last = path.segments.last().map(|segment| segment.ident.to_string());
        match last.as_deref() {
            Some("test" | "rstest") => true,
            Some("cfg") => attribute
                .parse_args::<Meta>()
                .is_ok_and(|predicate| value(&predicate) == Some(false)),
            _ => false,
        }
    })
}

/// A `cfg` predicate in a build that is neither for tests nor for loom; `None` where that depends
/// on the machine.
fn value(predicate: &Meta) -> Option<bool> {
    match predicate {
        Meta::Path(path) if path.is_ident("test") || path.is_ident("linger_loom") => Some(false),
        Meta::List(list) => {
            let inner = list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .ok()?;
            let mut values = inner.iter().map(value);
            if list.path.is_ident("not") {
                values.next()?.map(|value| !value)
            } else if list.path.is_ident("all") {
                values.any(|value| value == Some(false)).then_some(false)
            } else {
                values.all(|value| value == Some(false)).then_some(false)
            }
        }
        _ => None,
    }
}

struct RemoveTests;

impl VisitMut for RemoveTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        if only_in_tests(&file.attrs) {
            file.items.clear();
        }
        file.items.retain(|item| !only_in_tests(attributes_of(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !only_in_tests(attributes_of(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        item.items.retain(|item| match item {
            syn::ImplItem::Fn(item) => !only_in_tests(&item.attrs),
            syn::ImplItem::Const(item) => !only_in_tests(&item.attrs),
            syn::ImplItem::Type(item) => !only_in_tests(&item.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, item);
    }

    fn visit_item_trait_mut(&mut self, item: &mut syn::ItemTrait) {
        item.items.retain(|item| match item {
            syn::TraitItem::Fn(item) => !only_in_tests(&item.attrs),
            _ => true,
        });
        visit_mut::visit_item_trait_mut(self, item);
    }

    fn visit_fields_named_mut(&mut self, fields: &mut syn::FieldsNamed) {
        let kept = std::mem::take(&mut fields.named).into_iter();
        fields.named = kept.filter(|field| !only_in_tests(&field.attrs)).collect();
        visit_mut::visit_fields_named_mut(self, fields);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| match statement {
            syn::Stmt::Local(local) => !only_in_tests(&local.attrs),
            syn::Stmt::Item(item) => !only_in_tests(attributes_of(item)),
            syn::Stmt::Macro(item) => !only_in_tests(&item.attrs),
            syn::Stmt::Expr(syn::Expr::Block(block), _) => !only_in_tests(&block.attrs),
            _ => true,
        });
        visit_mut::visit_block_mut(self, block);
    }
}

/// The attributes of an item.
pub fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remaining(text: &str) -> Result<usize, SourceError> {
        parse(Path::new("planted.rs"), text, TestItems::Remove).map(|file| file.items.len())
    }

    #[test]
    fn test_items_are_removed_wherever_they_stand() {
        let text = "
            #[cfg(test)] use a::B;
            struct S { #[cfg(test)] probe: u8, kept: u8 }
            #[cfg(all(test, unix))] fn a() {}
            #[cfg(any(test, linger_loom))] fn b() {}
            #[tokio::test] async fn c() {}
            impl S { #[cfg(test)] fn d(&self) {} }
            #[cfg(not(test))] fn product() {}
            #[cfg(unix)] fn on_unix() {}
            #[cfg(any(test, unix))] fn maybe() {}
            #[cfg(test)] mod tests { fn e() {} }
            fn last() {}";
        let file = parse(Path::new("planted.rs"), text, TestItems::Remove).expect("it is Rust");
        let text = quote::quote!(#file).to_string();
        for gone in ["use a", "probe", "fn a", "fn b", "fn c", "fn d", "mod tests"] {
            assert!(!text.contains(gone), "{gone} stayed: {text}");
        }
        for kept in ["kept", "fn product", "fn on_unix", "fn maybe", "fn last"] {
            assert!(text.contains(kept), "{kept} went: {text}");
        }
    }

    #[test]
    fn a_file_of_which_nothing_remains_is_an_error() {
        assert!(matches!(
            remaining("#[cfg(test)] mod tests { fn a() {} }"),
            Err(SourceError::NothingRemains(_))
        ));
        assert!(matches!(
            remaining("#![cfg(test)] fn a() {}"),
            Err(SourceError::NothingRemains(_))
        ));
        assert!(matches!(remaining(""), Err(SourceError::NothingRemains(_))));
        assert_eq!(remaining("#[cfg(test)] fn a() {} fn b() {}").expect("one"), 1);
    }
}
