pub mod explain;
pub mod show;
