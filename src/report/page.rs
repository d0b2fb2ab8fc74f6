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
pub(crate) fn environment(assets: &ReportFiles, names: &[&str]) -> Result<Environment<'static>> {
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
    env.add_filter("prose", |state: &minijinja::State, text: String| {
        Json::from_safe_string(match state.auto_escape() {
            AutoEscape::Custom(language) if language == "latex" => {
                escape::prose(&text, escape::latex, "\\texttt{", "}")
            }
            AutoEscape::Custom(language) if language == "markdown" => escape::prose(&text, escape::markdown, "`", "`"),
            _ => escape::prose(&text, escape::html, "<code>", "</code>"),
        })
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
pub(crate) fn fill(env: &Environment<'_>, name: &str, page: &Json) -> Result<String> {
    env.get_template(name)
        .and_then(|template| template.render(page))
        .map_err(|error| Error::Usage(format!("templates/{name}: {error:#}")))
}

/// A value for a template.
pub(crate) fn serial(value: impl Serialize) -> Json {
    Json::from(Serde(value))
}

/// A file as it stands, style or script.
pub(crate) fn raw(assets: &ReportFiles, name: &str) -> Result<Json> {
    assets.text(name).map(Json::from_safe_string)
}

/// What the explorer's script is made of, in this order: the libraries first.
const SCRIPT: [&str; 18] = [
    "vendor/notice.js",
    "vendor/d3-color.min.js",
    "vendor/d3-dispatch.min.js",
    "vendor/d3-ease.min.js",
    "vendor/d3-interpolate.min.js",
    "vendor/d3-quadtree.min.js",
    "vendor/d3-selection.min.js",
    "vendor/d3-timer.min.js",
    "vendor/d3-transition.min.js",
    "vendor/d3-drag.min.js",
    "vendor/d3-zoom.min.js",
    "templates/explorer_core.js",
    "templates/explorer_view.js",
    "templates/explorer_map.js",
    "templates/explorer_panel.js",
    "templates/explorer_list.js",
    "templates/explorer_review.js",
    "templates/explorer.js",
];

/// The explorer's script with its libraries.
pub(crate) fn script(assets: &ReportFiles) -> Result<Json> {
    let parts: Vec<String> = SCRIPT.iter().map(|name| assets.text(name)).collect::<Result<_>>()?;
    Ok(Json::from_safe_string(parts.join("\n")))
}

/// What a page by itself may do: show what it holds.
const POLICY: &str =
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// What every page holds: style, script, fonts, and the version of the program.
pub(crate) fn frame(assets: &ReportFiles) -> Result<Json> {
    let font = |name: &str| Json::from_safe_string(STANDARD.encode(embedded_bytes(name)));
    Ok(context! {
        csp => POLICY,
        css => raw(assets, "css/report.css")?,
        js => raw(assets, "templates/page.js")?,
        font_regular => font("fonts/OpenSans-Regular.ttf"),
        font_bold => font("fonts/OpenSans-Semibold.ttf"),
        version => env!("CARGO_PKG_VERSION"),
    })
}
