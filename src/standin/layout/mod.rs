//! Generated faces in the files of a database.

pub mod affectnet;
pub mod disfa;
pub mod emotionet;
pub mod rafdb;
