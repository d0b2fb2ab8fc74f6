//! Rivals on the same features and the same protocol: nearest neighbours, linear and neural probes, discriminant analysis,
//! kernel machines, class means, k-means.
//!
//! All see features standardised by the samples that they are fitted on. What is chosen is chosen as `fitting/` says, for AURA
//! as for its rivals; never on the test split.

pub mod class_means;
pub mod config;
pub mod curvature;
pub mod finetune;
pub mod fit;
pub mod grid;
pub mod host;
pub mod input;
pub mod kernel_machine;
pub mod kernel_ridge;
pub mod kmeans;
pub mod knn;
pub mod lbfgs;
pub mod lda;
pub mod linear;
pub mod lloyd;
pub mod method;
pub mod mlp;
pub mod objective;
pub mod outcome;
pub mod pieces;
pub mod prototypes;
pub mod run;
pub mod svm;
#[cfg(test)]
mod tests;
