//! Views that are made from other views by SQL (`reports/sql/views/`): what several statistics share stands there once.

use super::views::VIEWS;

/// Name and query of every derived view, sorted.
const DERIVED: [(&str, &str); 25] = [
    (
        "archetype_names",
        include_str!("../../reports/sql/views/archetype_names.sql"),
    ),
    (
        "archetype_uses",
        include_str!("../../reports/sql/views/archetype_uses.sql"),
    ),
    (
        "bin_allocation",
        include_str!("../../reports/sql/views/bin_allocation.sql"),
    ),
    (
        "bin_allocation_seeds",
        include_str!("../../reports/sql/views/bin_allocation_seeds.sql"),
    ),
    ("calibration", include_str!("../../reports/sql/views/calibration.sql")),
    (
        "class_allocation",
        include_str!("../../reports/sql/views/class_allocation.sql"),
    ),
    (
        "class_allocation_seeds",
        include_str!("../../reports/sql/views/class_allocation_seeds.sql"),
    ),
    (
        "contradictions",
        include_str!("../../reports/sql/views/contradictions.sql"),
    ),
    ("first_seeds", include_str!("../../reports/sql/views/first_seeds.sql")),
    ("label_doubts", include_str!("../../reports/sql/views/label_doubts.sql")),
    (
        "label_doubts_au",
        include_str!("../../reports/sql/views/label_doubts_au.sql"),
    ),
    (
        "label_doubts_va",
        include_str!("../../reports/sql/views/label_doubts_va.sql"),
    ),
    ("label_issues", include_str!("../../reports/sql/views/label_issues.sql")),
    (
        "label_issues_au",
        include_str!("../../reports/sql/views/label_issues_au.sql"),
    ),
    (
        "label_issues_va",
        include_str!("../../reports/sql/views/label_issues_va.sql"),
    ),
    ("label_review", include_str!("../../reports/sql/views/label_review.sql")),
    ("leads", include_str!("../../reports/sql/views/leads.sql")),
    (
        "mapped_archetypes",
        include_str!("../../reports/sql/views/mapped_archetypes.sql"),
    ),
    ("outcomes", include_str!("../../reports/sql/views/outcomes.sql")),
    (
        "primary_metrics",
        include_str!("../../reports/sql/views/primary_metrics.sql"),
    ),
    ("reliability", include_str!("../../reports/sql/views/reliability.sql")),
    ("run_settings", include_str!("../../reports/sql/views/run_settings.sql")),
    ("scores", include_str!("../../reports/sql/views/scores.sql")),
    ("seed_metrics", include_str!("../../reports/sql/views/seed_metrics.sql")),
    (
        "varied_settings",
        include_str!("../../reports/sql/views/varied_settings.sql"),
    ),
];

/// A derived view with as many rows as what it is made from, of which every statistic wants a small part: it is expanded
/// where it is named, so that a filter on it reaches the files, and not computed once and kept.
const EXPANDED: &str = "seed_metrics";

/// Whether a derived view is computed once and kept.
pub(super) fn kept(view: &str) -> bool {
    view != EXPANDED
}

/// The query behind a view, if it is a derived one.
pub(super) fn sql(view: &str) -> Option<&'static str> {
    DERIVED.iter().find(|(name, _)| *name == view).map(|(_, sql)| *sql)
}

/// The view of this name, as it is spelled in [`VIEWS`].
pub(super) fn view(name: &str) -> Option<&'static str> {
    VIEWS.into_iter().find(|view| *view == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_derived_view_is_a_view() {
        for (name, _) in DERIVED {
            assert_eq!(view(name), Some(name));
        }
        let files = std::fs::read_dir(format!("{}/reports/sql/views", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(files.count(), DERIVED.len());
    }
}
