//! Models of the hub: `hf://ORG/NAME[@REVISION]`, fetched once into the hub's own cache, which other tools share.
//!
//! The transport is the `hf-hub` crate. `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` mean what
//! they mean to the hub's other clients. Names that a server sends are checked before they become paths.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};

use crate::disk::atomic;
use crate::encoder::model_folder::{CONFIG, INDEX, PICKLE, WEIGHTS, shards_of};
use crate::encoder::processor::{ALONE, NESTED};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

use self::blob::Tag;
use self::damage::damaged;
use self::download::{Broken, Download, Heard, Patience, set};

/// How a recipe marks a model of the hub.
const SCHEME: &str = "hf://";

/// Attempts to go on with a download whose connection broke.
const RETRIES: usize = 3;

/// A model of the hub, at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubModel {
    id: String,
    revision: String,
}

impl HubModel {
    /// Reads `hf://ORG/NAME[@REVISION]`; `None` if `text` does not begin with `hf://`. The revision is a branch, a tag or
    /// a commit; `main` if left out.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let rest = text.strip_prefix(SCHEME)?;
        let (id, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let parts: Vec<&str> = id.split('/').collect();
        let fits = parts.len() == 2 && parts.iter().all(|part| plain(part)) && revision.split('/').all(plain);
        Some(if fits {
            Ok(Self {
                id: id.to_owned(),
                revision: revision.to_owned(),
            })
        } else {
            Err(format!(
                "expected hf://ORGANISATION/NAME or hf://ORGANISATION/NAME@REVISION, found \"{text}\""
            ))
        })
    }

    /// The folder with the model's files; what the cache lacks is fetched. `cache` replaces the hub's own cache folder.
    ///
    /// A broken download is continued by the next call. A branch that was fetched once stays at the commit it had then:
    /// name a commit, or remove the model from the cache, to have another. What lies in the cache is looked at before it is
    /// used, and fetched again where it is not what the hub named it after; files that were put there by hand have no such name.
    ///
    /// # Errors
    /// [`Error::Data`] if the model is not in the cache and the hub cannot be reached, does not have it, or may not be asked
    /// (`HF_HUB_OFFLINE`).
    pub fn fetch(&self, cache: Option<&Path>, progress: Progress, interrupt: &Interrupt) -> Result<PathBuf> {
        let cache = cache.map_or_else(usual_cache, |folder| Ok(Cache::new(folder.to_owned())))?;
        let Some(folder) = self.snapshot(&cache) else {
            return self.fetch_into(&cache, progress, interrupt);
        };
        let damaged = damaged(&folder, interrupt)?;
        let Some(first) = damaged.first() else {
            return if is_whole(&folder) {
                Ok(folder)
            } else {
                self.fetch_into(&cache, progress, interrupt)
            };
        };
        self.may_be_fetched(&cache).map_err(|_| first.error())?;
        for file in &damaged {
            progress.line(&format!("fetched again, because {file}"));
            file.remove()?;
        }
        // Of the commit that was there, wherever its branch is today.
        let commit = folder.file_name().and_then(|name| name.to_str());
        let same = Self {
            revision: commit
                .filter(|name| is_commit(name))
                .unwrap_or(&self.revision)
                .to_owned(),
            ..self.clone()
        };
        same.fetch_into(&cache, progress, interrupt)
    }

    fn fetch_into(&self, cache: &Cache, progress: Progress, interrupt: &Interrupt) -> Result<PathBuf> {
        self.may_be_fetched(cache)?;
        // The transport waits for as long as a server lets it, and looks at no flag.
        let mut patience = Patience::new();
        let (model, shelf, heard) = (self.clone(), cache.clone(), patience.heard());
        let silent = || {
            let silence = patience.exceeded()?;
            Some(self.failed(
                cache,
                &format!(
                    "the hub has sent nothing for {} s; the same command goes on with what came, and HF_HUB_DOWNLOAD_TIMEOUT sets \
                     how many seconds are waited",
                    silence.as_secs()
                ),
            ))
        };
        interrupt.leaving(silent, move || model.fetch_now(shelf, progress, heard))
    }

    fn fetch_now(&self, cache: Cache, progress: Progress, heard: Heard) -> Result<PathBuf> {
        let mut builder = ApiBuilder::from_cache(cache.clone())
            .with_progress(false)
            .with_retries(RETRIES);
        if let Some(endpoint) = set("HF_ENDPOINT") {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        if let Some(token) = set("HF_TOKEN") {
            builder = builder.with_token(Some(token));
        }
        let api = builder.build().map_err(|error| self.failed(&cache, &error))?;
        let info = api
            .repo(self.repo())
            .info()
            .map_err(|error| self.failed(&cache, &error))?;
        if !is_commit(&info.sha) {
            return Err(Error::data(format!(
                "the hub answered for {self} with the commit {:?}; expected 40 hexadecimal digits",
                info.sha
            )));
        }
        progress.line(&format!("weights     {self} at commit {}", info.sha));
        let fetch = Fetch {
            model: self,
            api,
            cache,
            commit: info.sha,
            progress,
            heard,
        };
        fetch.heard.now();
        let has = |name: &str| info.siblings.iter().any(|file| file.rfilename == name);
        if !has(CONFIG) {
            return Err(Error::data(format!(
                "{self} has no {CONFIG}; it is no model that is known here"
            )));
        }
        let config = fetch.file(CONFIG)?;
        for name in [NESTED, ALONE] {
            if has(name) {
                fetch.file(name)?;
            }
        }
        if has(WEIGHTS) {
            fetch.file(WEIGHTS)?;
        } else if has(INDEX) {
            for shard in shards_of(&fetch.file(INDEX)?)? {
                if !plain(&shard) {
                    return Err(Error::data(format!(
                        "{INDEX} of {self} names the file {shard:?}, which cannot be"
                    )));
                }
                fetch.file(&shard)?;
            }
        } else if has(PICKLE) {
            fetch.file(PICKLE)?;
        } else {
            return Err(Error::data(format!(
                "{self} has neither {WEIGHTS} nor {INDEX} nor {PICKLE}"
            )));
        }
        fetch.remember(&self.revision)?;
        config
            .parent()
            .map(Path::to_owned)
            .ok_or_else(|| Error::data(format!("{} lies in no folder", config.display())))
    }

    fn repo(&self) -> Repo {
        Repo::with_revision(self.id.clone(), RepoType::Model, self.revision.clone())
    }

    /// The folder of the revision, if the cache has one.
    fn snapshot(&self, cache: &Cache) -> Option<PathBuf> {
        let repo = cache.repo(self.repo());
        let folder = if is_commit(&self.revision) {
            repo.pointer_path(&self.revision)
        } else {
            repo.get(CONFIG)?.parent()?.to_owned()
        };
        folder.is_dir().then_some(folder)
    }

    /// Where the model lies, or that it has yet to be fetched.
    ///
    /// # Errors
    /// [`Error::Data`] if it does not lie here and may not be fetched.
    pub fn whereabouts(&self) -> Result<String> {
        let cache = usual_cache()?;
        if let Some(folder) = self.here(&cache) {
            return Ok(format!("{self}, in {}", folder.display()));
        }
        self.may_be_fetched(&cache)?;
        Ok(format!("{self}, which has yet to be fetched"))
    }

    /// Whether the hub's own cache has all of it.
    ///
    /// # Errors
    /// [`Error::Usage`] where nothing says where that is.
    pub fn is_here(&self) -> Result<bool> {
        Ok(self.here(&usual_cache()?).is_some())
    }

    fn here(&self, cache: &Cache) -> Option<PathBuf> {
        self.snapshot(cache).filter(|folder| is_whole(folder))
    }

    fn may_be_fetched(&self, cache: &Cache) -> Result<()> {
        let offline = set("HF_HUB_OFFLINE")
            .is_some_and(|value| !["0", "false", "no", "off"].contains(&value.to_lowercase().as_str()));
        if offline {
            return Err(self.missing(cache, "HF_HUB_OFFLINE forbids fetching it"));
        }
        Ok(())
    }

    fn failed(&self, cache: &Cache, error: &dyn std::fmt::Display) -> Error {
        self.missing(
            cache,
            &format!(
                "it could not be fetched ({error}): check the name and the network, and set HF_TOKEN if the model needs a login"
            ),
        )
    }

    /// What to do without the hub, besides `why` it is needed.
    fn missing(&self, cache: &Cache, why: &str) -> Error {
        let shelf = cache.repo(self.repo());
        let shelf = if is_commit(&self.revision) {
            let folder = shelf.pointer_path(&self.revision);
            format!(", or put them into {}", folder.display())
        } else {
            String::new()
        };
        let Self { id, revision } = self;
        Error::missing_weights(format!(
            "{self} is not in {}, and {why}. Without a network, get {CONFIG}, {ALONE} (or {NESTED}) and {WEIGHTS} (or {PICKLE}) from \
             https://huggingface.co/{id}/tree/{revision} by other means and set encoder.weights to their folder{shelf}. \
             encoder.kind = \"hog\" needs no weights",
            cache.path().display()
        ))
    }
}

impl std::fmt::Display for HubModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}{}@{}", self.id, self.revision)
    }
}

/// A model while it is fetched: every file from the same commit.
struct Fetch<'a> {
    model: &'a HubModel,
    api: Api,
    cache: Cache,
    commit: String,
    progress: Progress,
    heard: Heard,
}

impl Fetch<'_> {
    fn repo(&self) -> Repo {
        Repo::with_revision(self.model.id.clone(), RepoType::Model, self.commit.clone())
    }

    /// The file `name` in the cache, fetched if it is not there.
    fn file(&self, name: &str) -> Result<PathBuf> {
        match self.attempt(name) {
            // What was gone on with may have been of another file: all of it is fetched anew, once.
            Err(Broken::Content(_)) => self.attempt(name),
            other => other,
        }
        .map_err(|(Broken::Content(error) | Broken::Other(error))| error)
    }

    fn attempt(&self, name: &str) -> Result<PathBuf, Broken> {
        let cached = self.cache.repo(self.repo()).pointer_path(&self.commit).join(name);
        if cached.is_file() {
            return Ok(cached);
        }
        // A link whose content is gone; the transport would stumble over it.
        if cached.is_symlink() {
            atomic::remove(&cached)?;
        }
        let repo = self.api.repo(self.repo());
        let failed = |error: &dyn std::fmt::Display| self.model.failed(&self.cache, &format!("{name}: {error}"));
        let metadata = self.api.metadata(&repo.url(name)).map_err(|error| failed(&error))?;
        if metadata.commit_hash() != self.commit || !metadata.etag().split('/').all(plain) {
            return Err(failed(&format!(
                "the hub answered with commit {:?} and tag {:?}, which do not fit",
                metadata.commit_hash(),
                metadata.etag()
            ))
            .into());
        }
        let bar = Download {
            progress: self.progress,
            bar: None,
            heard: self.heard.clone(),
        };
        let path = repo.download_with_progress(name, bar).map_err(|error| failed(&error))?;
        let length = std::fs::metadata(&path).at("read", &path)?.len();
        let expected = metadata.size() as u64;
        // Not left under its final name: the next call would take it for whole. What came is kept if it can be gone on with.
        let take_away = |keep: bool| -> Result<()> {
            let blob = std::fs::canonicalize(&path).at("read", &path)?;
            std::fs::remove_file(&path).at("remove", &path)?;
            if keep {
                let part = blob.with_extension("part");
                std::fs::rename(&blob, &part).at("rename", &blob)
            } else {
                std::fs::remove_file(&blob).at("remove", &blob)
            }
        };
        if length != expected {
            take_away(length < expected)?;
            return Err(failed(&format!(
                "{length} of {expected} bytes arrived; the same command goes on with it"
            ))
            .into());
        }
        if let Some(promised) = Tag::of(metadata.etag())
            && let Some(found) = promised.mismatch(&path, || {
                self.heard.now();
                Ok(())
            })?
        {
            take_away(false)?;
            return Err(Broken::Content(failed(&format!(
                "what arrived has the digest {found}, the hub promised {promised}; it was thrown away"
            ))));
        }
        Ok(path)
    }

    /// Notes which commit a branch or tag was at, so that it is found without the network.
    fn remember(&self, revision: &str) -> Result<()> {
        let repo = Repo::with_revision(self.model.id.clone(), RepoType::Model, revision.to_owned());
        self.cache
            .repo(repo)
            .create_ref(&self.commit)
            .at("write the reference of", self.cache.path())
    }
}

/// Whether a folder has all files of a model.
fn is_whole(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    let shards = || shards_of(&folder.join(INDEX));
    has(CONFIG)
        && (has(WEIGHTS)
            || has(PICKLE)
            || shards().is_ok_and(|shards| shards.iter().all(|shard| plain(shard) && has(shard))))
}

/// The hub's own cache folder.
///
/// # Errors
/// [`Error::Usage`] where nothing says where it is.
fn usual_cache() -> Result<Cache> {
    if let Some(folder) = set("HF_HUB_CACHE") {
        return Ok(Cache::new(folder.into()));
    }
    if set("HF_HOME").is_none() && std::env::home_dir().is_none_or(|home| home.as_os_str().is_empty()) {
        return Err(Error::Usage(
            "no folder for models of the hub: set HOME, HF_HOME or HF_HUB_CACHE".to_owned(),
        ));
    }
    Ok(Cache::from_env())
}

/// Whether `part` can stand as one part of a path: no separators, not hidden, not upwards.
fn plain(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= 200
        && !part.starts_with(['.', '-'])
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether `text` is the name of a commit.
fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

mod blob;
mod damage;
mod download;
#[cfg(test)]
mod tests;
