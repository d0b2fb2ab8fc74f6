//! Faces drawn from what they show and who they are.

pub mod canvas;
pub mod eye;
pub mod face;
pub mod frame;
pub mod hair;
pub mod identity;
pub mod landmarks;
pub mod mouth;
pub mod photo;
pub mod rig;
#[cfg(test)]
pub mod sheets;
