//! The device that tensors live on: chosen by name, resolved once, named in every manifest.
//!
//! The driver is asked through its own library before anything else touches CUDA, and only in builds with the feature
//! `cuda`; other builds look at files alone. A choice is never silently replaced: what is taken is always said.

pub mod choice;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod driver;
pub mod gpu;
#[cfg(any(feature = "cuda", test))]
pub mod headers;
pub mod machine;
pub mod wheels;
