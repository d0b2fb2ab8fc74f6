//! The whole chain of a recipe: data → convert → extract → train → evaluate → statistics → report.
//!
//! Every stage is addressed by a digest of all that went into it, the code that computes it among them. What is there
//! already is used and called cached; nothing stale is ever used, because nothing stale has the address asked for.

mod address;
pub mod attributes;
pub mod convert;
pub mod copy;
pub mod cost;
pub mod data;
pub mod done;
pub mod duplicates;
pub mod extract;
pub mod finite;
pub mod import;
pub mod in_force;
pub mod leaderboard;
pub mod map;
pub mod mend;
pub mod needs;
mod others;
pub mod plan;
pub mod portion;
pub mod relabel;
pub mod report;
pub mod reviewed;
pub mod rivals;
pub mod score;
pub mod scored;
pub mod stages;
pub mod standings;
pub mod state;
pub mod study;
pub mod subgroups;
pub mod summary;
pub mod train;
pub mod truth;
mod unit_cost;
pub mod validate;

pub use portion::{Portion, Stage};
pub use relabel::reviewed_labels;
pub use stages::Outcome;
pub use study::{StudyOptions, StudyOutcome, StudySummary, point, study};
pub use summary::Summary;
pub use validate::{DataReport, data_report};
