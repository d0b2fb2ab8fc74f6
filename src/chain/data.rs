//! Stage 0: the database's folder, or generated faces in its place.

use std::path::{Path, PathBuf};

use crate::dataset::generated::STAND_IN_FILE;
use crate::dataset::layout;
use crate::digest::{Digest, short, stage};
use crate::disk::lock::Lock;
use crate::disk::publish::Published;
use crate::disk::seal;
use crate::error::Result;
use crate::meter::Meter;
use crate::recipe::{Recipe, StandInConfig};
use crate::remote;
use crate::standin::generate;
use crate::standin::options::StandinOptions;
use crate::there;

use super::state::{Chain, json};

/// The folder that the chain starts from.
pub struct Data {
    /// The database's root.
    pub root: PathBuf,
}

impl Chain<'_> {
    /// Finds the database, or draws the stand-in.
    pub fn data(&mut self) -> Result<Data> {
        match self.recipe.stand_in.clone() {
            Some(config) => self.draw(&config),
            None => Ok(Data {
                root: locate(self.recipe, self.options.data.as_deref())?,
            }),
        }
    }

    fn draw(&mut self, config: &StandInConfig) -> Result<Data> {
        let started = Meter::start();
        let Drawing { options, root, digest } = self.drawing(config)?;
        let folder = root.parent().unwrap_or(&root);
        let _lock = Lock::hold(folder, self.progress, self.interrupt)?;
        let report = generate::generate(&options, &root, &self.progress, self.interrupt)?;
        self.done("stand-in", &started, report.cached, &digest);
        self.in_use.push(Published::in_use(&root));
        Ok(Data { root })
    }

    /// The faces that a recipe asks for, drawn or not.
    ///
    /// # Errors
    /// If the card cannot be encoded.
    fn drawing(&self, config: &StandInConfig) -> Result<Drawing> {
        let card = &self.recipe.card.id;
        let digest = Digest::new("stand-in")
            .part("card", json(&self.recipe.card)?.to_string())
            .part("samples", config.samples.to_string())
            .part("seed", config.seed.to_string())
            .part("label_noise", config.label_noise.to_string())
            .part("layout", &config.layout)
            .part("size", config.size.to_string())
            .part("code", stage::STANDIN)
            .finish();
        Ok(Drawing {
            options: StandinOptions {
                card: card.clone(),
                layout: (!config.layout.is_empty()).then(|| config.layout.clone()),
                samples: config.samples,
                seed: config.seed,
                label_noise: config.label_noise,
                size: (config.size > 0).then_some(config.size),
            },
            root: self
                .options
                .cache
                .join("stand-in")
                .join(format!("{card}-{}", short(&digest))),
            digest,
        })
    }

    /// The database, if it is there; nothing, where faces have to be drawn yet.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub(super) fn data_there(&self) -> Result<Option<Data>> {
        let root = match &self.recipe.stand_in {
            Some(config) => Some(self.drawing(config)?.root)
                .filter(|root| root.join(STAND_IN_FILE).is_file() && root.join(seal::FILE).is_file()),
            None => Some(locate(self.recipe, self.options.data.as_deref())?),
        };
        Ok(root.map(|root| Data { root }))
    }
}

/// Generated faces, and where they lie.
struct Drawing {
    options: StandinOptions,
    root: PathBuf,
    digest: String,
}

/// The folder of the database: the command line's, else the recipe's.
pub(super) fn locate(recipe: &Recipe, given: Option<&Path>) -> Result<PathBuf> {
    let card = &recipe.card;
    let (root, looked) = match (given, recipe.dataset.root.as_str()) {
        (Some(folder), _) => (Some(folder.to_owned()), format!("{}, as asked", folder.display())),
        (None, "") => (
            None,
            "nowhere: no folder is given, and dataset.root is not set".to_owned(),
        ),
        (None, text) => match expand(text) {
            Ok(path) => (
                Some(path.clone()),
                format!("dataset.root = \"{text}\", which is {}", path.display()),
            ),
            Err(reason) => (None, format!("dataset.root = \"{text}\", but {reason}")),
        },
    };
    match root {
        Some(root) if there::is_dir(&root)? => Ok(root),
        _ => Err(layout::missing(card, &looked)),
    }
}

/// Checks that the database, if it is not drawn, is there and looks as one, which costs nothing.
pub(super) fn check(recipe: &Recipe, given: Option<&Path>) -> Result<()> {
    if recipe.stand_in.is_some() {
        return Ok(());
    }
    let options = recipe.protocol.convert_options(&recipe.dataset);
    layout::detect(&recipe.card, &locate(recipe, given)?, options.layout.as_deref()).map(drop)
}

/// Expands `${NAME}` from the environment. A recipe may be somebody else's, and its paths are shown in messages: a variable that
/// holds no path is shown only as a part of one that is there.
pub(super) fn expand(text: &str) -> Result<PathBuf, String> {
    let mut out = String::new();
    let mut parts = Vec::new();
    let mut told = None;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').ok_or("`${` has no `}`")?;
        out.push_str(before);
        let value = std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?;
        out.push_str(&value);
        if !(Path::new(&value).is_absolute() || value.starts_with('.')) {
            parts.push(name);
        }
        if !remote::is_address(Path::new(&value)) {
            told = Some(name);
        }
        rest = tail;
    }
    out.push_str(rest);
    let elsewhere = remote::is_address(Path::new(&out));
    if let Some(name) = told.filter(|_| elsewhere) {
        return Err(format!(
            "it is an address, and what the environment variable {name} holds would be sent there: write it out, or let the variable \
             hold an address itself"
        ));
    }
    if let Some(name) = parts.first()
        && !elsewhere
        && !Path::new(&out).exists()
    {
        return Err(format!(
            "with what the environment variable {name} holds, which is no path of its own, it names nothing that is there"
        ));
    }
    if out.contains(char::is_control) {
        return Err("it holds a control character (a newline, a tab, ESC), which no path here may".to_owned());
    }
    Ok(PathBuf::from(out))
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn environment_is_expanded_and_missing_names_are_told() {
        let home = std::env::var("HOME").unwrap_or_default();
        assert_eq!(
            expand("${HOME}/raf").map(|p| p.display().to_string()),
            Ok(format!("{home}/raf"))
        );
        assert_eq!(
            expand("plain/path").map(|p| p.display().to_string()),
            Ok("plain/path".to_owned())
        );
        let missing = expand("${AURA_BENCH_NO_SUCH_VARIABLE}/x");
        assert_eq!(
            missing,
            Err("the environment variable AURA_BENCH_NO_SUCH_VARIABLE is not set".to_owned())
        );
        // Set by cargo for every test, and no path.
        let version = expand("${CARGO_PKG_VERSION}");
        assert_eq!(
            version,
            Err(
                "with what the environment variable CARGO_PKG_VERSION holds, which is no path of its own, it names nothing that is \
                 there"
                    .to_owned()
            )
        );
        let folder = tempfile::tempdir().unwrap();
        let name = std::env::var("CARGO_PKG_NAME").unwrap();
        std::fs::create_dir(folder.path().join(format!("{name}_faces"))).unwrap();
        assert!(expand(&format!("{}/${{CARGO_PKG_NAME}}_faces", folder.path().display())).is_ok());
        // What a variable holds is sent nowhere, unless it is an address itself.
        let sent = expand("https://example.org/${CARGO_PKG_NAME}.npy");
        assert!(sent.is_err_and(|why| why.contains("would be sent there") && !why.contains(&name)));
        assert!(expand("${CARGO_PKG_NAME}://example.org/x.npy").is_err());
        assert_eq!(expand("s3://bucket/x.npy"), Ok("s3://bucket/x.npy".into()));
        assert!(expand("a\nb").is_err_and(|why| why.contains("control character")));
        assert_eq!(expand("${OPEN"), Err("`${` has no `}`".to_owned()));
    }
}
