//! The folder that a report is written to: tried before the runs, so that no one waits for a result that has no place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::experiments::compare::page::GENERATOR;
use crate::experiments::compare::report::Report;
use crate::experiments::compare::{csv, json, page};

/// The page's name in the folder.
const PAGE: &str = "index.html";

/// How much of a file in the way is read to find whether it is an earlier report.
const HEAD_SIZE: usize = 1024;

/// Why a report has no place, or did not get there.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, or is none.
    #[error("--report {path}: the folder cannot be made: {error}", path = .path.display())]
    Create {
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Something else has the name.
    #[error("--report {path} is a file; name a folder, which is made if it does not exist", path = .path.display())]
    File {
        /// Where.
        path: PathBuf,
    },
    /// A file in it cannot be written.
    #[error("--report: {path} cannot be written: {error}", path = .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A page that somebody else has made would be lost.
    #[error(
        "--report: {path} exists and is no report of sim compare; name another folder, or remove it",
        path = .path.display()
    )]
    Foreign {
        /// Which.
        path: PathBuf,
    },
}

/// A folder that could be written to.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder if it is not there, and tries to write to it. An earlier report in it is left until there is a
    /// new one.
    ///
    /// # Errors
    /// [`FolderError`]: it cannot be made or written to, or holds a page of somebody else's.
    pub fn prepare(path: &Path) -> Result<Self, FolderError> {
        let path = path.to_owned();
        if path.is_file() {
            return Err(FolderError::File { path });
        }
        fs::create_dir_all(&path).map_err(|error| FolderError::Create {
            path: path.clone(),
            error,
        })?;
        let folder = Self { path };
        let page = folder.path.join(PAGE);
        if page.exists() && !is_report(&page) {
            return Err(FolderError::Foreign { path: page });
        }
        let trial = folder.path.join(unfinished(PAGE));
        let tried = fs::write(&trial, "").and_then(|()| fs::remove_file(&trial));
        tried.map_err(|error| FolderError::Write { path: trial, error })?;
        Ok(folder)
    }

    /// Writes the page and the same for programs, and gives the page's path. What was there before is replaced whole.
    ///
    /// # Errors
    /// [`FolderError::Write`]: the disk is full, or the folder is not what it was.
    pub fn write(&self, report: &Report) -> Result<PathBuf, FolderError> {
        self.replace("results.csv", &csv::render(report))?;
        self.replace("results.json", &json::render(report))?;
        self.replace(PAGE, &page::render(report))?;
        Ok(self.path.join(PAGE))
    }

    fn replace(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let (unfinished, path) = (self.path.join(unfinished(name)), self.path.join(name));
        let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &path));
        written.map_err(|error| {
            // What there is of it is of no use; that it cannot be removed either would be the same news.
            let _ = fs::remove_file(&unfinished);
            FolderError::Write { path, error }
        })
    }
}

/// The name of a file while it is written.
fn unfinished(name: &str) -> String {
    format!(".{name}.{}", std::process::id())
}

fn is_report(page: &Path) -> bool {
    use io::Read as _;
    let mut head = Vec::with_capacity(HEAD_SIZE);
    let read = fs::File::open(page).and_then(|file| file.take(HEAD_SIZE as u64).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(GENERATOR)
}
