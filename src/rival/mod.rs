//! Rivals on the same features and the same protocol: nearest neighbours, linear and neural probes, class means, k-means.
//!
//! All see features standardised by the training split. Every setting that is chosen is chosen on the validation split, or,
//! where the protocol has none, on a seeded part of the training split; never on the test split.

pub mod class_means;
pub mod config;
pub mod finetune;
pub mod fit;
pub mod holdout;
pub mod input;
pub mod kmeans;
pub mod knn;
pub mod lbfgs;
pub mod linear;
pub mod method;
pub mod mlp;
pub mod objective;
pub mod outcome;
pub mod prototypes;
pub mod run;
#[cfg(test)]
mod tests;
