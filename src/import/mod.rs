//! Features made elsewhere → a samples table and a feature table like those of any database.
//!
//! Features are Parquet, `.npy` or `.npz`; labels stand beside them or in a CSV or Parquet file, matched by row or by the sample's
//! name. Every row is checked as a database's is; what is wrong is listed in `rejects.csv` with file and line. Features pass
//! through a temporary file, so that neither they nor their tokens have to fit into memory.

pub mod assemble;
pub mod classes;
pub mod columns;
pub mod csv;
pub mod features;
pub mod parquet;
pub mod parts;
pub mod rules;
pub mod source;
pub mod spill;
pub mod splits;
#[cfg(test)]
mod tests;
