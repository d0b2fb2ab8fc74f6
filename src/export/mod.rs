//! What other programs read: `MLflow`'s file store, and Croissant metadata beside tables. How to use them: `docs/exports.md`.

pub mod croissant;
pub mod mlflow;
