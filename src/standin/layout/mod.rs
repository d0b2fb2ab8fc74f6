pub mod affectnet;
pub mod disfa;
pub mod emotionet;
pub mod rafdb;
