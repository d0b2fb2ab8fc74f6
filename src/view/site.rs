//! What there is to see: the runs below the folders that were named, and the explorer's data of those that were asked for.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::query::FoundRun;
use crate::query::context::QueryContext;
use crate::report::catalog::ReportFiles;
use crate::report::explorer::collect::{Source, Wanted, collect};
use crate::report::explorer::data::{Compared, Data, Faces};
use crate::report::thumbnail::{LEFT_OUT, Thumbnail};

/// How much of a run the explorer shows when it is served.
const WANTED: Wanted = Wanted {
    support: 12,
    issues: 2000,
    others: 20_000,
    unmapped: 20_000,
};
/// Runs whose data is kept: two are compared.
const KEPT: usize = 4;
/// Side of a face.
const SIDE: u32 = 176;

/// What the pages are made with.
#[derive(Debug, Clone, Default)]
pub struct ViewOptions {
    /// Run folders, or folders of runs.
    pub runs: Vec<PathBuf>,
    /// Where the images lie, if not where the runs found them.
    pub data_root: Option<PathBuf>,
    /// Whether images are shown.
    pub images: bool,
    /// What ends a query.
    pub interrupt: Interrupt,
}

/// The explorer's data of one run, and where its pictures are.
pub(super) struct Opened {
    pub(super) run: FoundRun,
    pub(super) data: Data,
    sources: Vec<Source>,
    root: Option<PathBuf>,
    /// When the run was written: its faces are known by their place in these data alone.
    pub(super) stamp: String,
}

impl Opened {
    /// The run's data with what another says of the same samples.
    ///
    /// # Errors
    /// [`Error::NotComparable`] if their outputs are not the same, or they share no sample.
    pub(super) fn beside(&self, other: &Self) -> Result<Data> {
        if self.data.task != other.data.task || self.data.classes != other.data.classes {
            return Err(Error::NotComparable(format!(
                "{} and {} do not predict the same: {} ({}) and {} ({})",
                self.data.run,
                other.data.run,
                self.data.task,
                self.data.classes.join(", "),
                other.data.task,
                other.data.classes.join(", ")
            )));
        }
        let compared = Compared::of(&self.data, &other.data);
        if compared.error.iter().all(|error| error.0.is_none()) {
            return Err(Error::NotComparable(format!(
                "{} and {} share no sample that both predict",
                self.data.run, other.data.run
            )));
        }
        let mut data = self.data.clone();
        if self.run.manifest.protocol_digest != other.run.manifest.protocol_digest {
            data.notes.insert(
                0,
                "These runs follow different protocols: where they differ, that may be why.".to_owned(),
            );
        }
        data.compare = Some(compared);
        Ok(data)
    }

    /// The picture of sample `i` as a JPEG file, or why there is none.
    pub(super) fn face(&self, i: usize) -> std::result::Result<Vec<u8>, &'static str> {
        let source = self.sources.get(i).ok_or("no such sample")?;
        let picture = Thumbnail::of(self.root.as_deref(), source.path.as_deref(), source.bbox, SIDE);
        picture.into_jpeg()
    }
}

/// All of it.
pub(super) struct Site {
    pub(super) options: ViewOptions,
    pub(super) assets: ReportFiles,
    /// Held while a run is opened.
    opening: Mutex<()>,
    /// The last that were asked for, by key, the newest at the end.
    opened: Mutex<VecDeque<(String, Arc<Opened>)>>,
}

/// The name that a run folder has in an address: it says nothing of where that lies, and is the same tomorrow.
pub(super) fn key(folder: &Path) -> String {
    let path = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    blake3::hash(path.to_string_lossy().as_bytes()).to_hex()[..12].to_owned()
}

impl Site {
    pub(super) fn new(options: ViewOptions) -> Result<Self> {
        Ok(Self {
            options,
            assets: ReportFiles::new(None)?,
            opening: Mutex::default(),
            opened: Mutex::default(),
        })
    }

    /// A query over all runs that are there now.
    pub(super) fn query(&self) -> Result<QueryContext> {
        QueryContext::open_heeding(&self.options.runs, &self.options.interrupt)
    }

    /// The run with this key.
    pub(super) fn find(&self, wanted: &str) -> Result<Option<FoundRun>> {
        let query = self.query()?;
        let found = query.runs().iter().find(|run| key(&run.path) == wanted);
        Ok(found.cloned().map(FoundRun::alone))
    }

    /// The run with this key as a page's data have it: the page asks for hundreds of faces, and knows them by those data's numbers.
    pub(super) fn seen(&self, wanted: &str, stamp: &str) -> Option<Arc<Opened>> {
        let all = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all
            .iter()
            .find(|(known, opened)| known == wanted && opened.stamp == stamp);
        found.map(|(_, opened)| Arc::clone(opened))
    }

    /// The run with this key.
    ///
    /// # Errors
    /// [`Error::Data`] if its tables cannot be read.
    pub(super) fn open(&self, wanted: &str) -> Result<Option<Arc<Opened>>> {
        let Some(run) = self.find(wanted)? else {
            return Ok(None);
        };
        let query = QueryContext::of(vec![run.clone()])?.with_interrupt(&self.options.interrupt);
        // A run that was written since is another.
        let stamp = blake3::hash(run.manifest.created.as_bytes()).to_hex()[..8].to_owned();
        // One is opened at a time: a page and its data ask at once, and at full size each takes seconds and memory.
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = self.seen(wanted, &stamp) {
            return Ok(Some(opened));
        }
        let mut collected = collect(&query, &run, &self.assets, WANTED)?;
        let root = self.root_of(&run);
        let why = |reason| Faces::None {
            why: BTreeMap::from([(String::new(), reason)]),
        };
        collected.data.faces = if self.options.images && root.is_some() {
            for (i, source) in collected.sources.iter().enumerate() {
                collected.data.samples.face[i] = source.path.is_some().then_some(i);
            }
            Faces::Url {
                prefix: format!("face/{stamp}/"),
                why: BTreeMap::new(),
            }
        } else if self.options.images {
            why("no image")
        } else {
            why(LEFT_OUT)
        };
        let opened = Arc::new(Opened {
            run,
            data: collected.data,
            sources: collected.sources,
            root,
            stamp,
        });
        let mut all = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.pop_front();
        }
        all.push_back((wanted.to_owned(), Arc::clone(&opened)));
        Ok(Some(opened))
    }

    /// The folder that the run's images lie below, where they may be shown.
    fn root_of(&self, run: &FoundRun) -> Option<PathBuf> {
        if !self.options.images {
            return None;
        }
        let named = self.options.data_root.clone();
        let root = named.or_else(|| run.manifest.data_root.as_ref().map(PathBuf::from));
        let root = root.unwrap_or_else(|| run.path.join("data"));
        root.is_dir().then_some(root)
    }
}
