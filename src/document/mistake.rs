//! What is wrong with a recipe, where, and what to do.

use miette::{Diagnostic, NamedSource, SourceSpan};

/// One mistake in a recipe: shown with file, line, caret and advice.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code(recipe))]
pub struct RecipeError {
    /// What is wrong.
    pub message: String,
    /// The text in which it stands: the recipe, the recipe that it extends, or an override.
    #[source_code]
    pub source_text: NamedSource<String>,
    /// Where.
    #[label("{label}")]
    pub span: Option<SourceSpan>,
    /// What the caret says.
    pub label: String,
    /// What to do.
    #[help]
    pub advice: Option<String>,
}
