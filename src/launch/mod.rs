//! Jobs of a cluster's queue: a recipe or a study as arrays with dependencies.
//!
//! convert → extract, an array of shards → points, an array of points or seeds → collect. A job calls this program as a person
//! would, so that each may be killed, sent back into the queue or called again, and the same bytes come out.

pub mod config;
pub mod limits;
pub mod phase;
pub mod queue;
pub mod record;
pub mod script;
pub mod status;
pub mod submit;
pub mod walltime;
pub mod work;
