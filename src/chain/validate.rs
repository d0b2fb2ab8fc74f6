//! What a recipe would read, without writing anything.

use serde::Serialize;

use crate::dataset::conversion::{Conversion, too_little};
use crate::dataset::convert::examine;
use crate::error::Result;
use crate::intake::reject::Reject;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::manifest::Relabelled;
use crate::size::Size;

use super::{attributes, data, import, needs, relabel};

/// The data of a recipe.
#[derive(Debug, Serialize)]
pub struct DataReport {
    /// What a conversion or an import would find.
    pub conversion: Conversion,
    /// Why `run` would not take them, if so.
    #[serde(skip)]
    pub too_little: Option<String>,
    /// Rows that it would leave out, sorted.
    #[serde(skip)]
    pub rejects: Vec<Reject>,
    /// What a run on them needs, where that can be told without the encoder's weights.
    #[serde(skip)]
    pub needs: Option<Size>,
    /// What the recipe's list of reviewed labels would change, by the database's own splits.
    #[serde(skip)]
    pub relabelled: Option<Relabelled>,
}

/// Reads and checks the data that a recipe names; `root` is the folder of the command line.
///
/// # Errors
/// [`crate::Error::Data`] if they are missing or unusable.
pub fn data_report(
    recipe: &Recipe,
    root: Option<&std::path::Path>,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<DataReport> {
    let options = recipe.protocol.convert_options(&recipe.dataset);
    let outputs = import::named(recipe);
    let (conversion, rejects, needs, relabelled) = if recipe.card.is_table() {
        attributes::list(recipe)?;
        relabel::list(recipe)?;
        let (imported, table) = import::of_recipe(recipe, &options, &outputs, interrupt)?.examine(interrupt)?;
        let relabelled = relabel::examined(recipe, &table, imported.card.class_names())?;
        let rows = imported.conversion.samples as usize;
        let needs = needs::of(recipe, rows, imported.dim, imported.tokens);
        (imported.conversion, imported.rejects, Some(needs), relabelled)
    } else {
        let root = data::locate(recipe, root)?;
        attributes::list(recipe)?;
        relabel::list(recipe)?;
        let examined = examine(&recipe.card, &root, &options, progress, interrupt)?;
        let rows = examined.conversion.samples as usize;
        let needs = needs::of_encoder(recipe, rows).transpose()?;
        let relabelled = relabel::examined(recipe, &examined.table, recipe.card.class_names())?;
        (examined.conversion, examined.rejects, needs, relabelled)
    };
    Ok(DataReport {
        too_little: too_little(&conversion, &options),
        conversion,
        rejects,
        needs,
        relabelled,
    })
}
