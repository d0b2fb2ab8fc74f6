//! What other programs read: runs on a tracking server of `MLflow`, and Croissant metadata beside tables. How to use them:
//! `docs/exports.md`.

pub mod croissant;
pub mod mlflow;
pub mod mlflow_server;
