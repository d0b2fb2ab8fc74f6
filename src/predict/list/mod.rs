//! Lists of faces with their boxes, as detectors write them.

pub mod forms;
pub mod read;
pub mod table;
