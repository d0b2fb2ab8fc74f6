//! The explorer of a run: its samples, archetypes and maps as the page's script takes them, and their pictures.

pub mod collect;
pub mod data;
pub mod sprites;
#[cfg(test)]
mod tests;
