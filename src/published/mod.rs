//! Published numbers as data: tables of papers (`reports/published/*.toml`), the rules that must hold inside them, and a
//! linter that finds the rules that do not, and runs beside the printed numbers.

pub mod beside;
pub mod cards;
pub mod evaluate;
pub mod file;
pub mod language;
pub mod lint;
pub mod load;
pub mod names;
pub mod results;
#[cfg(test)]
mod tests;

pub use beside::beside;
pub use lint::lint;
