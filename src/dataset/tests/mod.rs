//! Whole conversions of small trees, one file a database.

mod affectnet;
mod disfa;
mod emotionet;
mod mixed;
mod rafdb;
