//! Whole conversions of small trees, one file a database.

pub mod affectnet;
pub mod disfa;
pub mod emotionet;
pub mod frames;
pub mod generated;
pub mod lists;
pub mod mixed;
pub mod odd;
pub mod rafdb;
