//! Filling templates: what they print is escaped by the ending of their name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value as Json, context};
use serde::Serialize;

use super::catalog::{ReportFiles, embedded_bytes};
use super::escape;
use crate::error::{Error, Result};

/// The templates `names`, each with the delimiters and the escaping of its language.
pub(super) fn environment(assets: &ReportFiles, names: &[&str]) -> Result<Environment<'static>> {
    let mut env = Environment::new();
    env.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        Some((_, "tex")) => AutoEscape::Custom("latex".into()),
        Some((_, "md")) => AutoEscape::Custom("markdown".into()),
        _ => AutoEscape::None,
    });
    env.set_formatter(|out, state, value| {
        let escape = match state.auto_escape() {
            AutoEscape::Custom(language) if language == "latex" => escape::latex,
            AutoEscape::Custom(language) if language == "markdown" => escape::markdown,
            _ => return minijinja::escape_formatter(out, state, value),
        };
        let text = value.to_string();
        let text = if value.is_safe() { text } else { escape(&text) };
        out.write_str(&text).map_err(minijinja::Error::from)
    });
    env.add_filter("breakable", |text: String| {
        Json::from_safe_string(escape::latex_breakable(&text))
    });
    for name in names {
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        if name.ends_with(".tex") {
            // LaTeX is full of braces, and of per cent signs.
            syntax
                .variable_delimiters("<<", ">>")
                .block_delimiters("<%", "%>")
                .comment_delimiters("<#", "#>");
        }
        let syntax = syntax
            .build()
            .map_err(|error| Error::data(format!("the template syntax is refused: {error}")))?;
        env.set_syntax(syntax);
        let text = assets.text(&format!("templates/{name}"))?;
        env.add_template_owned((*name).to_owned(), text)
            .map_err(|error| Error::Usage(format!("templates/{name}: {error}")))?;
    }
    Ok(env)
}

/// The template `name` filled with `page`.
pub(super) fn fill(env: &Environment<'_>, name: &str, page: &Json) -> Result<String> {
    env.get_template(name)
        .and_then(|template| template.render(page))
        .map_err(|error| Error::Usage(format!("templates/{name}: {error:#}")))
}

/// A value for a template.
pub(super) fn serial(value: impl Serialize) -> Json {
    Json::from(Serde(value))
}

/// What every page holds: style, script, fonts, and the version of the program.
pub(super) fn frame(assets: &ReportFiles) -> Result<Json> {
    let raw = |name: &str| assets.text(name).map(Json::from_safe_string);
    let font = |name: &str| Json::from_safe_string(STANDARD.encode(embedded_bytes(name)));
    Ok(context! {
        css => raw("css/report.css")?,
        js => raw("templates/page.js")?,
        font_regular => font("fonts/OpenSans-Regular.ttf"),
        font_bold => font("fonts/OpenSans-Semibold.ttf"),
        version => env!("CARGO_PKG_VERSION"),
    })
}
