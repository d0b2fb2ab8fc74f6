//! Recipes: raw TOML, `extends`, overrides, and the resolved [`Recipe`].

mod conversion;
mod embedded;
mod error;
mod load;
mod places;
mod protocol;
mod resolve;
mod stand_in;
mod sweep;
mod tree;
mod written;

pub use conversion::conversion_options;
pub use embedded::names as built_in;
pub use error::RecipeError;
pub use load::LoadOptions;
pub use places::Places;
pub use protocol::{Protocol, ProtocolConfig};
pub use resolve::{Recipe, json_schema};
pub use stand_in::StandInConfig;
pub use sweep::{Job, Study, StudyPoint};
pub use tree::nearest;
