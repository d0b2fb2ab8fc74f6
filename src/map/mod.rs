//! Maps: high-dimensional points in the plane, so that neighbours stay neighbours.
//!
//! Pure arithmetic on the CPU, in one order: the same points give the same map.

pub mod neighbours;
pub mod place;
#[cfg(test)]
mod tests;
pub mod umap;

pub use neighbours::Distances;
pub use place::Laid;
pub use umap::Umap;
