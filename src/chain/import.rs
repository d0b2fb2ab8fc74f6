//! Stages 1 and 2 for features made elsewhere: they and their labels become a samples table and a feature table.

use std::path::PathBuf;

use crate::dataset::options::ConvertOptions;
use crate::disk::publish;
use crate::error::Result;
use crate::export::croissant;
use crate::import::features::{FEATURES, Import};
use crate::interrupt::Interrupt;
use crate::meter::Meter;
use crate::recipe::Recipe;
use crate::remote;

use super::convert::{self, Samples};
use super::data::expand;
use super::extract::Features;
use super::state::{Chain, RunOptions};

/// A file or folder of the recipe, with the environment variables in its path; what is kept elsewhere is brought here.
fn table(key: &str, text: &str, interrupt: &Interrupt) -> Result<PathBuf> {
    let path = place(key, text)?;
    if !remote::is_address(&path) {
        return Ok(path);
    }
    remote::local(&path, interrupt).map_err(|error| error.within(&format!("dataset.{key}")))
}

/// A path of the recipe, with the environment variables in it.
fn place(key: &str, text: &str) -> Result<PathBuf> {
    expand(text).map_err(|reason| crate::error::Error::data(format!("dataset.{key} = \"{text}\", but {reason}")))
}

/// The import that a recipe with the card `table` asks for.
///
/// # Errors
/// [`crate::Error::Data`] if a path names an environment variable that is not set, or what is kept elsewhere does not come.
pub fn of_recipe<'a>(
    recipe: &'a Recipe,
    options: &'a ConvertOptions,
    outputs: &'a [String],
    interrupt: &Interrupt,
) -> Result<Import<'a>> {
    let config = &recipe.dataset.table;
    Ok(Import {
        features: table("path", &recipe.dataset.path, interrupt)?,
        labels: match config.labels.as_str() {
            "" => None,
            labels => Some(table("table.labels", labels, interrupt)?),
        },
        table: config,
        card: &recipe.card,
        options,
        store: &recipe.features,
        task: recipe.protocol.task,
        outputs,
        binary: recipe.protocol.au_threshold.is_none(),
        folds: &recipe.protocol.folds,
    })
}

/// Labels that the protocol names: classes or action units.
pub fn named(recipe: &Recipe) -> Vec<String> {
    match recipe.protocol.task {
        // Of valence and arousal both are always there.
        crate::task::Task::ValenceArousal => recipe.protocol.classes.clone(),
        _ => recipe.protocol.outputs(),
    }
}

/// The digest and the folder of the import that a recipe asks for, whether it is there or not.
///
/// # Errors
/// As [`of_recipe`], or if the features cannot be read.
pub(super) fn place_of(recipe: &Recipe, options: &RunOptions, interrupt: &Interrupt) -> Result<(String, PathBuf)> {
    let convert = recipe.protocol.convert_options(&recipe.dataset);
    let outputs = named(recipe);
    let digest = of_recipe(recipe, &convert, &outputs, interrupt)?.digest(interrupt)?;
    let folder = folder_of(recipe, options, &digest);
    Ok((digest, folder))
}

fn folder_of(recipe: &Recipe, options: &RunOptions, digest: &str) -> PathBuf {
    let name = format!("{}-table-{}", recipe.card.id, &digest[..16]);
    options.cache.join("features").join(name)
}

impl Chain<'_> {
    /// Imports, or finds the import of exactly these files by exactly this code.
    pub fn import(&mut self) -> Result<(Samples, Features)> {
        let started = Meter::start();
        let options = self.recipe.protocol.convert_options(&self.recipe.dataset);
        let outputs = named(self.recipe);
        let import = of_recipe(self.recipe, &options, &outputs, self.interrupt)?;
        let digest = import.digest(self.interrupt)?;
        let folder = folder_of(self.recipe, self.options, &digest);
        let published = publish::folder(&folder, self.progress, self.interrupt, |partial| {
            let imported = import.run(partial, &self.progress, self.interrupt)?;
            let conversion = &imported.conversion;
            self.progress.line(&format!(
                "            {} samples with {} values each, {} rejected",
                conversion.samples, imported.dim, conversion.rejected
            ));
            Ok(())
        })?;
        croissant::write_beside(&folder.join(FEATURES))?;
        self.done("import", &started, published.cached, &digest);
        self.warn_of(&convert::read(&folder)?, &folder, published.cached);
        self.in_use.push(published);
        let table = folder.join("samples.parquet");
        Ok((
            Samples {
                digest: crate::digest::of_file(&table)?,
                table,
                stand_in: false,
                truth: None,
                release: None,
                images: None,
            },
            Features {
                folder: folder.join(FEATURES),
                digest,
                encoder: import.encoder(),
            },
        ))
    }

    /// The folder with the images behind the features, if one is named: only the report's pictures need it.
    pub fn image_root(&self) -> Result<Option<PathBuf>> {
        match (&self.options.data, self.recipe.dataset.root.as_str()) {
            (Some(folder), _) => Ok(Some(folder.clone())),
            (None, "") => Ok(None),
            (None, text) => place("root", text).map(Some),
        }
    }
}
