//! Published numbers as data: tables of papers (`reports/published/*.toml`), the rules that must hold inside them, and a
//! linter that finds the rules that do not, and runs beside the printed numbers.

mod compare;
mod evaluate;
mod file;
mod language;
mod lint;
mod names;
mod results;
#[cfg(test)]
mod tests;

pub use compare::{Beside, BesideTable, Comparison, Verdict, beside};
pub use file::{Fact, Paper, PaperCell, PaperColumn, PaperResult, PaperRow, PaperTable, Rule, SCHEMA, Said, Severity};
pub use lint::{Finding, Lint, lint};
pub use results::values_for;
