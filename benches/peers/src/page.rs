//! A page of the documentation. The results are between two comments, the marks.

pub(crate) const BEGIN: &str = "<!-- Written by benches/peers from here on: see PAGE in its main.rs. -->";
pub(crate) const END: &str = "<!-- Written by benches/peers up to here. -->";

/// The path of the chart, relative to the page.
pub(crate) const CHART: &str = "img/compare.svg";

/// Replaces what is between the marks of the page with the chart and the tables.
pub(crate) fn with_results(page: &str, tables: &str) -> Result<String, String> {
    let parts = page.split_once(BEGIN).and_then(|(before, results)| {
        let (_, after) = results.split_once(END)?;
        Some((before, after))
    });
    let (before, after) =
        parts.ok_or_else(|| format!("it has no place for results, which is between {BEGIN} and {END}"))?;
    let chart = format!("![Linger, its peers and the floor, a panel per workload]({CHART})");
    Ok(format!(
        "{before}{BEGIN}\n\n{chart}\n\n{}\n\n{END}{after}",
        tables.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced_and_nothing_else() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = with_results(&page, "| new |\n").expect("a page with its marks");
        assert!(once.starts_with(&format!("before\n{BEGIN}\n")), "{once}");
        assert!(once.ends_with(&format!("| new |\n\n{END}\nafter\n")), "{once}");
        assert!(
            once.contains("](img/compare.svg)") && !once.contains("old"),
            "{once}"
        );
        assert_eq!(with_results(&once, "| new |\n"), Ok(once.clone()));
    }

    #[test]
    fn a_page_without_both_marks_in_their_order_is_left_alone() {
        for page in ["", BEGIN, END, &format!("{END}{BEGIN}")] {
            assert!(with_results(page, "new").is_err(), "{page:?}");
        }
    }

    #[test]
    fn the_documentation_has_a_place_for_results() {
        assert!(with_results(include_str!("../../../docs/benchmarks.md"), "new").is_ok());
    }
}
