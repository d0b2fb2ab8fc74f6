//! What other programs read: runs on a tracking server of `MLflow`, Croissant metadata beside tables, models, samples on
//! their map. How to use them:
//! `docs/exports.md`.

pub mod atlas;
pub mod croissant;
pub mod index;
pub mod mlflow;
pub mod mlflow_server;
pub mod model;
