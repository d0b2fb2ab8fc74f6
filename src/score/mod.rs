//! Predictions that another tool made, held against a database and its protocol.
//!
//! Files are read column by column ([`files`]), columns are found by their names or a mapping ([`roles`], [`mapping`]), rows find their
//! samples ([`match_rows`], [`known`]), and values become the protocol's outputs ([`answer`]). What cannot be right is refused: other
//! databases, other splits, classes in another order ([`order`]), values beyond their range.

pub mod answer;
pub mod arrays;
pub mod columnar;
pub mod config;
pub mod delimited;
pub mod files;
pub mod frame;
pub mod gathered;
pub mod json;
pub mod known;
pub mod mapping;
pub mod match_rows;
pub mod missing;
pub mod order;
pub mod roles;
pub mod scored;
