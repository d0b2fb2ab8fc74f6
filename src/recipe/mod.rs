//! Recipes: raw TOML, `extends`, overrides, and the resolved [`Recipe`].

pub mod conversion;
pub mod embedded;
pub mod load;
pub mod places;
pub mod protocol;
pub mod resolve;
pub mod stand_in;
pub mod sweep;
pub mod written;

pub use crate::document::mistake::Mistake;
pub use crate::document::suggest::nearest;
pub use conversion::conversion_options;
pub use embedded::names as built_in;
pub use load::LoadOptions;
pub use places::Places;
pub use protocol::config::{Protocol, ProtocolConfig};
pub use resolve::{Recipe, json_schema};
pub use stand_in::StandInConfig;
pub use sweep::{Job, Study, StudyPoint};
