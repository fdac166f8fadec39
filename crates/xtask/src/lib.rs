//! Reads the project's sources by syntax: which files a target has, what they import, how long
//! their functions are.
//!
//! The house rules in `tests/it/tidy` and the lists of `cargo xtask check` are built on these
//! readers. A reader fails where it finds nothing, so that a rule about no file cannot pass.

pub mod documents;
pub mod imports;
pub mod lists;
pub mod packages;
pub mod source;

use std::path::{Path, PathBuf};

/// The top of the repository.
pub fn top() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("the package lies in crates/")
}

/// A path as people name it: from the top of the repository, where it lies below.
pub fn short(path: &Path) -> String {
    path.strip_prefix(top()).unwrap_or(path).display().to_string()
}

/// Every file below `folder` whose name ends in `suffix`, sorted; without what builds leave behind.
///
/// # Panics
///
/// If a folder cannot be read, or if no file is found.
pub fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a readable entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if !["target", ".git", "node_modules"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(suffix) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{} holds no file *{suffix}", folder.display());
    found.sort();
    found
}

/// The text of a file.
///
/// # Panics
///
/// If it cannot be read.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
