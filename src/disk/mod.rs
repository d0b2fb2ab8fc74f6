//! Files written whole, folders that are whole or absent, locks, Parquet, and the fence around a root.

pub mod atomic;
pub mod cache_folder;
pub mod fence;
pub mod guard;
pub mod lists;
pub mod lock;
pub mod owner;
pub mod parquet;
pub mod publish;
pub mod rejects;
pub mod seal;
