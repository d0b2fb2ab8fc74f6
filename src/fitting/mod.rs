//! One protocol of fitting for AURA and every rival: what is chosen, and how outputs are brought to how the task is judged, is
//! decided on samples that the model in question has not seen, and those are never test samples.
//!
//! [`folds::parts`] says which samples are held out, [`choose::choose`] chooses among candidate settings by the metric of
//! *fitted* outputs, [`map::Fit`] is the map that is fitted.

pub mod choose;
pub mod config;
pub mod folds;
pub mod map;
pub mod walked;
