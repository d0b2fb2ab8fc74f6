//! The rows of a run folder's tables and their Parquet form. These columns are what SQL sees: see `docs/tables.md`.
