//! Readers of label files, a file a database.

pub mod affectnet;
pub mod disfa;
pub mod emotionet;
pub mod folders;
pub mod labels;
pub mod rafdb;
pub mod registry;
pub mod rows;
pub mod tabular;
