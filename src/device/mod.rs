//! The device that tensors live on: chosen by name, resolved once, named in every manifest.
//!
//! The driver is asked through its own library before anything else touches CUDA, and only in builds with the feature
//! `cuda`; other builds look at files alone. A choice is never silently replaced: what is taken is always said.

#[cfg(feature = "wgpu-plain")]
pub mod adapter;
pub mod choice;
#[cfg(feature = "cuda-plain")]
pub mod cuda;
pub mod driver;
pub mod gpu;
#[cfg(any(feature = "cuda-plain", test))]
pub mod headers;
pub mod heard;
pub mod linker;
pub mod machine;
pub mod python;
#[cfg(any(feature = "cuda-plain", test))]
pub mod soname;
pub mod toolkit;
#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
pub mod trial;
pub mod version;
