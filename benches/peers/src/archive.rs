//! The folder of the results of all presets, and the page of the documentation that shows them.

use std::path::{Path, PathBuf};

use crate::chart;
use crate::comparison::Comparison;
use crate::page;
use crate::report::Report;

pub(crate) struct Archive {
    /// The folder of results.json, table.md and chart.svg.
    directory: PathBuf,
    /// The page that shows the tables and the chart between its marks.
    page: Option<PathBuf>,
}

impl Archive {
    /// The archive that `OUT` and `PAGE` name, if any.
    pub(crate) fn from_env() -> Result<Option<Self>, String> {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        match (path("OUT"), path("PAGE")) {
            (Some(directory), page) => Ok(Some(Self { directory, page })),
            (None, Some(page)) => Err(format!(
                "PAGE={} shows what OUT has: name a directory with OUT too",
                page.display()
            )),
            (None, None) => Ok(None),
        }
    }

    /// Adds a comparison. Replaces an older one of the same preset.
    pub(crate) fn keep(&self, comparison: &Comparison) -> Result<(), String> {
        let mut report = if self.results().exists() {
            self.read()?
        } else {
            Report::default()
        };
        report.put(comparison.clone());
        self.show(&report)
    }

    pub(crate) fn read(&self) -> Result<Report, String> {
        let text = read(&self.results())?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", self.results().display()))
    }

    /// Writes all files and the page.
    pub(crate) fn show(&self, report: &Report) -> Result<(), String> {
        let chart = chart::svg(report);
        write(&self.results(), &report.json())?;
        write(&self.directory.join("table.md"), &report.markdown())?;
        write(&self.directory.join("chart.svg"), &chart)?;
        let Some(path) = &self.page else { return Ok(()) };
        let text = page::with_results(&read(path)?, &report.markdown())
            .map_err(|error| format!("{}: {error}", path.display()))?;
        write(&path.with_file_name(page::CHART), &chart)?;
        write(path, &text)
    }

    fn results(&self) -> PathBuf {
        self.directory.join("results.json")
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Writes a file. Creates its folder if it does not exist.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::comparison::testing::{comparison, rate};

    /// A folder that is removed on drop.
    struct Scratch(PathBuf);

    impl Drop for Scratch {
        fn drop(&mut self) {
            // A leftover folder does no harm.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn results_of_several_runs_come_together_in_the_directory_and_on_the_page() {
        let name = format!("linger-peers-archive-{}", std::process::id());
        let scratch = Scratch(std::env::temp_dir().join(name));
        let page = scratch.0.join("docs/page.md");
        write(
            &page,
            &format!("# Page\n\n{}\n{}\n\nThe end.\n", page::BEGIN, page::END),
        )
        .expect("a page");
        let archive = Archive {
            directory: scratch.0.join("results"),
            page: Some(page.clone()),
        };
        for (preset, records_per_s) in [("main", 7e6), ("big", 2e6), ("main", 3e6)] {
            let mut comparison = comparison(vec![(Client::Linger, rate(records_per_s, 100.0))]);
            comparison.preset = preset.into();
            archive.keep(&comparison).expect("it is kept");
        }
        let report = archive.read().expect("results that are kept can be read");
        let kept: Vec<_> = report
            .comparisons()
            .iter()
            .map(|one| one.preset.as_str())
            .collect();
        assert_eq!(kept, ["main", "big"]);
        let text = read(&page).expect("the page");
        assert!(
            text.starts_with("# Page\n") && text.ends_with("The end.\n"),
            "{text}"
        );
        assert!(text.contains("3.00") && !text.contains("7.00"), "{text}");
        for path in ["docs/img/compare.svg", "results/chart.svg", "results/table.md"] {
            assert!(scratch.0.join(path).is_file(), "{path}");
        }
    }
}
