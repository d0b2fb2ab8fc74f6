//! Databases: what lies on disk, read into one table of samples; and generated stand-ins for what is licensed.

pub mod standin;
