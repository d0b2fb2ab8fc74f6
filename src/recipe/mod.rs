//! Recipes: raw TOML, `extends`, overrides, and the resolved [`Recipe`].

mod error;

pub use error::RecipeError;
