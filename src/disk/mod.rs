pub mod atomic;
pub mod fence;
pub mod lock;
pub mod parquet;
pub mod publish;
