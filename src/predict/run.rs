//! A call of `predict`: from inputs to the file of predictions.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::device::machine::Resolved;
use crate::digest::{Digest, stage};
use crate::disk::{atomic, parquet, rejects};
use crate::encoder::interface::Encoder;
use crate::error::{Context, DataKind, Error, Result};
use crate::feature::reader::read_part;
use crate::feature::shard::Shard;
use crate::feature::table::part_path;
use crate::feature::{Extraction, FeatureTable, FeaturesConfig};
use crate::interrupt::Interrupt;
use crate::naming;
use crate::progress::Progress;
use crate::record::Origin as Rows;
use crate::run::folder::RunFolder;

use super::encoding::encoder_of;
use super::faces::{Lister, Reject};
use super::features::each_block;
use super::input::{Input, Reading};
use super::model::{LISTED, RunModel};
use super::page;
use super::piece::{Origin, Piece};
use super::row::PredictedRow;
use super::work::Work;
use super::write::{Form, write};

/// What has to be said of every input of images.
pub const NOT_DETECTED: &str =
    "faces are not detected here: boxes come from a list, and an image without one is taken whole as an aligned face";

/// What to predict, with what, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Prediction<'a> {
    /// The run folder.
    pub run: &'a Path,
    /// Images, folders, lists, videos, feature tables.
    pub inputs: &'a [PathBuf],
    /// The file of predictions.
    pub out: &'a Path,
    /// How it is written.
    pub form: Form,
    /// The fold; the run's first where it has folds and none is named.
    pub fold: Option<i32>,
    /// The seed; the run's first where none is named.
    pub seed: Option<i64>,
    /// Read-outs; `aura` where none is named.
    pub methods: &'a [String],
    /// Archetypes listed for a face, 1 to [`LISTED`].
    pub top: usize,
    /// Images encoded at a time; left out, the encoder chooses.
    pub batch: Option<u32>,
    /// The folder that images of lists and of feature tables lie below.
    pub images: Option<&'a Path>,
    /// The image or video that all rows of a list are of which names none.
    pub media: Option<&'a Path>,
    /// Of a video, every so many frames.
    pub every: u32,
    /// A page of the first faces.
    pub html: Option<&'a Path>,
    /// Where fetched weights are kept.
    pub cache: Option<&'a Path>,
    /// Where model and encoder run.
    pub device: &'a Resolved,
}

/// What a call did.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "aura-bench predict, as JSON")]
pub struct Predicted {
    /// Version of this object: 1.
    pub schema: u32,
    /// The run.
    pub run: String,
    /// The fold whose test samples the model did not see, in a run with folds.
    pub fold: Option<i32>,
    /// The seed.
    pub seed: i64,
    /// Read-outs.
    pub methods: Vec<String>,
    /// Whether the run was made on drawn faces: what it says of photographs then means nothing.
    pub stand_in: bool,
    /// The encoder, and that its weights are random where they are.
    pub encoder: Option<String>,
    /// Whether images were encoded, and no features alone read.
    pub images: bool,
    /// Faces that were asked about.
    pub faces: usize,
    /// Faces with a prediction.
    pub predicted: usize,
    /// Faces and images that cannot be predicted.
    pub rejected: usize,
    /// Faces that an earlier, stopped call had predicted.
    pub continued: usize,
    /// The file of predictions.
    pub out: PathBuf,
    /// The list of what was rejected, if anything was.
    pub rejects: Option<PathBuf>,
    /// The page.
    pub html: Option<PathBuf>,
    /// Faces on it.
    pub on_page: usize,
}

impl Prediction<'_> {
    /// Predicts every face of the inputs.
    ///
    /// # Errors
    /// As [`RunModel::open`], [`encoder_of`] and [`Input::list`]; [`Error::Data`] if no face can be predicted; [`Error::Io`] if
    /// something cannot be read or written; [`Error::Interrupted`].
    pub fn run(&self, progress: Progress, interrupt: &Interrupt) -> Result<Predicted> {
        let device = &self.device.device;
        let run = RunModel::open(self.run, self.fold, self.seed, device)?;
        let methods = run.chosen_methods(self.methods)?;
        let top = self.top.clamp(1, LISTED);
        tell(&run, &methods, self, progress);
        let inputs = self
            .inputs
            .iter()
            .map(|path| Input::of(path))
            .collect::<Result<Vec<_>>>()?;
        let encoder = if inputs.iter().any(Input::is_encoded) {
            Some(encoder_of(&run, self.cache, device, progress, interrupt)?)
        } else {
            None
        };
        let work = Work::beside(self.out, progress, interrupt)?;
        let (pieces, mut rejected) = self.list(&run, &inputs, &work, progress, interrupt)?;
        work.belongs_to(&self.digest(&run, &methods, top, encoder.as_deref(), &pieces))?;

        let faces: usize = pieces.iter().map(|piece| piece.rows).sum();
        let bar = progress.bar("predict", faces as u64, "faces");
        let mut continued = 0;
        for (at, piece) in pieces.iter().enumerate() {
            interrupt.check()?;
            if work.has(at) {
                continued += piece.rows;
            } else {
                let asked = Asked {
                    run: &run,
                    methods: &methods,
                    top,
                    encoder: encoder.as_deref(),
                    batch: self.batch,
                };
                let (rows, left) = asked.piece(piece, work.folder(), interrupt)?;
                work.keep(at, &rows, left, &asked.origin())?;
            }
            bar.inc(piece.rows as u64);
        }
        drop(bar);
        let mut rows = 0;
        for (at, piece) in pieces.iter().enumerate() {
            rejected.extend(work.rejects(at, &piece.input)?);
            rows += parquet::rows(&work.rows(at))?;
        }
        let listed = beside(self.out, ".rejects.csv");
        if rejected.is_empty() {
            atomic::remove(&listed)?;
        } else {
            rejects::write(&listed, rejected.iter().map(Reject::line))?;
        }
        if rows == 0 {
            work.done()?;
            return Err(nothing(&rejected, &listed));
        }
        let files: Vec<PathBuf> = (0..pieces.len()).map(|at| work.rows(at)).collect();
        write(
            self.out,
            self.form,
            &files,
            &run.trained.names,
            &about(&run, &methods),
            interrupt,
        )?;
        let predicted = rows / methods.len();
        if let Some(html) = self.html {
            page::write(
                html,
                &run,
                (&work, &pieces),
                methods[0],
                predicted,
                self.images,
                interrupt,
            )?;
        }
        work.done()?;
        Ok(Predicted {
            schema: 1,
            run: run.run.run.clone(),
            fold: run.fold,
            seed: run.seed,
            methods: methods.iter().map(|&method| method.to_owned()).collect(),
            stand_in: run.run.manifest.stand_in,
            encoder: naming::title(&run.run.manifest.encoder),
            images: encoder.is_some(),
            faces: predicted + rejected.len(),
            predicted,
            rejected: rejected.len(),
            continued,
            out: self.out.to_owned(),
            rejects: (!rejected.is_empty()).then_some(listed),
            html: self.html.map(Path::to_owned),
            on_page: if self.html.is_some() {
                predicted.min(page::FACES)
            } else {
                0
            },
        })
    }

    /// Lists the faces of all inputs.
    fn list(
        &self,
        run: &RunModel,
        inputs: &[Input],
        work: &Work,
        progress: Progress,
        interrupt: &Interrupt,
    ) -> Result<(Vec<Piece>, Vec<Reject>)> {
        let reading = Reading {
            images: self.images,
            media: self.media,
            every: self.every,
            work: work.folder(),
        };
        let mut lister = Lister::new(work.folder());
        for input in inputs {
            let shown = input.path().display().to_string();
            // Where several inputs are given, files of the same name are told apart by it.
            let prefix = match input {
                Input::Image(_) | Input::Video(_) => {
                    let name = input.path().parent().map(|parent| parent.display().to_string());
                    name.filter(|name| !name.is_empty()).map(|name| format!("{name}/"))
                }
                _ => Some(format!("{shown}/")),
            };
            lister.begin(&shown, &prefix.filter(|_| inputs.len() > 1).unwrap_or_default())?;
            let found = input.list(run, &reading, &mut lister, interrupt)?;
            progress.line(&format!("input       {shown}: {found}"));
        }
        if inputs.iter().any(Input::is_encoded) {
            progress.line(&format!("            {NOT_DETECTED}"));
        }
        lister.finish()
    }

    /// Digest of all that shapes the rows.
    fn digest(
        &self,
        run: &RunModel,
        methods: &[&str],
        top: usize,
        encoder: Option<&dyn Encoder>,
        pieces: &[Piece],
    ) -> String {
        let mut digest = Digest::new("predictions")
            .part("program", env!("CARGO_PKG_VERSION"))
            .part("code", stage::TRAIN)
            .part("code", stage::EXTRACT)
            .part("run", &run.run.run)
            .part("unit", format!("{:?} {}", run.fold, run.seed))
            .part("model", &run.digest)
            .part("methods", methods.join(" "))
            .part("top", top.to_string())
            .part("batch", format!("{:?}", self.batch))
            .part("encoder", encoder.map(Encoder::digest).unwrap_or_default())
            .part("device", self.device.kind);
        for piece in pieces {
            let root = match &piece.origin {
                Origin::Faces { root, .. } => root,
                Origin::Table { folder, .. } => folder,
            };
            digest = digest
                .part("piece", &piece.digest)
                .part("root", root.display().to_string());
        }
        digest.finish()
    }
}

/// How pieces are predicted.
struct Asked<'a> {
    run: &'a RunModel,
    methods: &'a [&'static str],
    top: usize,
    encoder: Option<&'a dyn Encoder>,
    batch: Option<u32>,
}

/// Image, reason and identifier of what a piece left out.
type Left = Vec<(String, String, String)>;

impl Asked<'_> {
    fn origin(&self) -> Rows {
        let seed = u64::try_from(self.run.seed).unwrap_or(0);
        let folder = RunFolder::new(&self.run.run.path);
        Rows {
            run: self.run.run.run.clone(),
            ..folder.seed(self.run.fold, seed).origin().clone()
        }
    }

    /// The rows of a piece, and what it left out.
    fn piece(&self, piece: &Piece, work: &Path, interrupt: &Interrupt) -> Result<(Vec<PredictedRow>, Left)> {
        match &piece.origin {
            Origin::Table { folder, part, first } => {
                let rows = self.part(folder, *part, (*first, piece.rows), &piece.input, interrupt)?;
                // Of what has no features the table says why, with the first rows of its part.
                let (_, record) = read_part(&part_path(folder, *part))?;
                let left = record.rejects.into_iter().filter(|_| *first == 0);
                Ok((
                    rows,
                    left.map(|reject| (reject.file, reject.reason, reject.sample)).collect(),
                ))
            }
            Origin::Faces { samples, root } => self.images(samples, root, &piece.input, work, interrupt),
        }
    }

    /// Encodes images and predicts from what was written, so that features are rounded as a run's are.
    fn images(
        &self,
        samples: &Path,
        root: &Path,
        input: &str,
        work: &Path,
        interrupt: &Interrupt,
    ) -> Result<(Vec<PredictedRow>, Left)> {
        let encoder = self
            .encoder
            .ok_or_else(|| Error::data("images are to be encoded, and no encoder was built"))?;
        let folder = work.join("features");
        if folder.is_dir() {
            std::fs::remove_dir_all(&folder).at("remove", &folder)?;
        }
        let options = FeaturesConfig {
            batch: self.batch.or(self.run.recipe.features.batch),
            part_rows: None,
            ..self.run.recipe.features.clone()
        };
        let extracted = Extraction {
            samples,
            data_root: root,
            encoder,
            options: &options,
            out: &folder,
            shard: Shard::WHOLE,
        }
        .run(Progress::hidden(), interrupt);
        match extracted {
            // The parts are there, and say of each image why it cannot be used.
            Err(error) if error.data_kind() == Some(DataKind::TooManyRejects) => {}
            other => drop(other?),
        }
        let parts = FeatureTable::open(&folder)?.metadata().parts;
        let (mut rows, mut left) = (Vec::new(), Vec::new());
        for part in 0..parts {
            let path = part_path(&folder, part);
            rows.extend(self.part(&folder, part, (0, parquet::rows(&path)?), input, interrupt)?);
            let (_, record) = read_part(&path)?;
            left.extend(
                record
                    .rejects
                    .into_iter()
                    .map(|reject| (reject.file, reject.reason, reject.sample)),
            );
        }
        std::fs::remove_dir_all(&folder).at("remove", &folder)?;
        Ok((rows, left))
    }

    fn part(
        &self,
        folder: &Path,
        part: usize,
        range: (usize, usize),
        input: &str,
        interrupt: &Interrupt,
    ) -> Result<Vec<PredictedRow>> {
        let (metadata, _) = read_part(&part_path(folder, part))?;
        let mut rows = Vec::new();
        each_block((folder, part), range, &metadata, self.run, |sources, set| {
            let answers = self.run.say(set, self.methods, self.top, interrupt)?;
            for (source, answer) in sources.iter().zip(&answers) {
                rows.extend(PredictedRow::of(self.run, input, source, answer));
            }
            Ok(())
        })?;
        Ok(rows)
    }
}

/// A file beside another one, whose name goes on.
fn beside(out: &Path, more: &str) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_os_string();
    name.push(more);
    out.with_file_name(name)
}

/// Says which model predicts.
fn tell(run: &RunModel, methods: &[&str], asked: &Prediction<'_>, progress: Progress) {
    let first = if asked.seed.is_none() { ", its first" } else { "" };
    let fold = run.fold.map_or_else(String::new, |fold| {
        let first = if asked.fold.is_none() { ", its first" } else { "" };
        format!("fold {fold}{first}, ")
    });
    progress.line(&format!(
        "model       {}, {fold}seed {}{first}; read-out {}",
        run.run.run,
        run.seed,
        methods.join(", ")
    ));
    if run.run.manifest.stand_in {
        progress.line("            STAND-IN: it was trained on drawn faces, so that it says nothing of photographs");
    }
}

/// What a table of predictions says of itself.
fn about(run: &RunModel, methods: &[&str]) -> serde_json::Value {
    let manifest = &run.run.manifest;
    json!({
        "run": run.run.run,
        "fold": run.fold,
        "seed": run.seed,
        "methods": methods,
        "task": manifest.task,
        "outputs": run.trained.names,
        "dataset": manifest.dataset,
        "stand_in": manifest.stand_in,
        "encoder": manifest.encoder,
        "model": run.digest,
    })
}

/// The error where no face can be predicted.
fn nothing(rejected: &[Reject], listed: &Path) -> Error {
    match rejected.first() {
        Some(first) => Error::too_many_rejects(format!(
            "none of {} faces can be predicted; the first, {}: {}; all are listed in {}",
            rejected.len(),
            if first.image.is_empty() {
                &first.file
            } else {
                &first.image
            },
            first.reason,
            listed.display()
        )),
        None => Error::unusable_table("the inputs list no faces"),
    }
}
