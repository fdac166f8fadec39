//! The folder of a report. It is tried before the experiment runs, so that no result is lost.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::html::generator_tag;

/// The name of the page.
const PAGE: &str = "index.html";

/// Bytes of an existing page that are searched for the generator's tag.
const HEAD_SIZE: u64 = 1024;

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct FolderError(#[from] Problem);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("--report {path}: the folder cannot be made: {error}", path = .path.display())]
    Create { path: PathBuf, error: io::Error },
    #[error("--report {path} is a file; name a folder, which is made if it does not exist", path = .path.display())]
    File { path: PathBuf },
    #[error("--report: {path} cannot be written: {error}", path = .path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error(
        "--report: {path} exists and is no report of {program}; name another folder, or remove it",
        path = .path.display()
    )]
    Foreign { path: PathBuf, program: String },
}

/// A folder that can be written to.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Creates the folder if it does not exist, and tries to write to it. `program` is the
    /// generator of the pages that may be replaced. An earlier report stays until a new one is
    /// written.
    ///
    /// # Errors
    /// The folder cannot be created or written to, or has an `index.html` of another origin.
    pub fn prepare(path: &Path, program: &str) -> Result<Self, FolderError> {
        let path = path.to_owned();
        if path.is_file() {
            return Err(Problem::File { path }.into());
        }
        fs::create_dir_all(&path).map_err(|error| Problem::Create {
            path: path.clone(),
            error,
        })?;
        let folder = Self { path };
        let page = folder.path.join(PAGE);
        if page.exists() && !is_page_of(&page, program) {
            let program = program.to_owned();
            return Err(Problem::Foreign { path: page, program }.into());
        }
        let trial = folder.path.join(unfinished(PAGE));
        let tried = fs::write(&trial, "").and_then(|()| fs::remove_file(&trial));
        tried.map_err(|error| Problem::Write { path: trial, error })?;
        Ok(folder)
    }

    /// Writes the page, after the other files (name and text). Replaces each file as a whole.
    /// Returns the path of the page.
    ///
    /// # Errors
    /// A file cannot be written, for example because the disk is full.
    pub fn write(&self, page: &str, others: &[(&str, String)]) -> Result<PathBuf, FolderError> {
        for (name, text) in others {
            self.replace(name, text)?;
        }
        self.replace(PAGE, page)?;
        Ok(self.path.join(PAGE))
    }

    fn replace(&self, name: &str, text: &str) -> Result<(), Problem> {
        let (unfinished, path) = (self.path.join(unfinished(name)), self.path.join(name));
        let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &path));
        written.map_err(|error| {
            // A failed removal would have the same cause.
            let _ = fs::remove_file(&unfinished);
            Problem::Write { path, error }
        })
    }
}

/// The name of a file while it is written.
fn unfinished(name: &str) -> String {
    format!(".{name}.{}", std::process::id())
}

fn is_page_of(page: &Path, program: &str) -> bool {
    let mut head = Vec::new();
    let read = fs::File::open(page).and_then(|file| file.take(HEAD_SIZE).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(&generator_tag(program))
}
