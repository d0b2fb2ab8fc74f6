//! Recipes: raw TOML, `extends`, overrides, and the resolved [`Recipe`].

pub mod conversion;
pub mod embedded;
pub mod load;
pub mod places;
pub mod protocol;
pub mod resolve;
pub mod shared;
pub mod stand_in;
pub mod sweep;
pub mod test_set;
pub mod written;

pub use conversion::conversion_options;
pub use embedded::names as built_in;
pub use load::RecipeOptions;
pub use places::Places;
pub use resolve::{Recipe, json_schema};
pub use stand_in::StandInConfig;
pub use sweep::{Job, Study, StudyPoint};
