//! One writer at a time: a second call waits for the first and then finds its work done.
//!
//! A lock is a file that is created exclusively, `.lock.<n>`, which every file system does for all machines that share it; locks of
//! the system (`flock`) are missing on some and hold on one machine only on others. Whoever wants a lock creates the claim behind
//! the newest one, once that is free or its holder is dead; of several only one can. The newest claim is never removed, so none
//! of two can be misled by what was removed between their looks. A claim says who holds it, and its holder writes a number into
//! it that grows: a process of another machine counts as dead when that stands still for [`lease`].

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

use super::owner::{Life, Owner};

/// How the names of locks begin.
const FILE: &str = ".lock";

/// How often a folder may be moved away between being made and its claim being created.
const MOVES: usize = 10;

/// After how long a process that cannot be seen counts as dead when it gives no sign of life, unless it is asked otherwise.
#[cfg(not(test))]
const LEASE: Duration = Duration::from_mins(2);
#[cfg(test)]
const LEASE: Duration = Duration::from_secs(2);

/// Beats of a holder in the time after which it counts as dead.
const BEATS: u32 = 8;

/// How often the claim of a process of this machine is looked at, and of others.
const LOOK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));

/// Held while something is written; released when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    /// None where this process may not write: then it writes nothing there either.
    claim: Option<Arc<Claim>>,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Attempt {
    /// It is held now.
    Held(Lock),
    /// Somebody else holds it; who, if that could be read.
    Busy(Option<Owner>),
}

impl Lock {
    /// Locks `folder` beside its contents, waiting for whoever holds it. A folder that is there and that this process may not write
    /// to needs no lock: what is whole in it can be read, and what is missing is an error where it is written.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written; [`Error::Interrupted`] if the user stops the wait.
    pub fn hold(folder: &Path, progress: Progress, interrupt: &Interrupt) -> Result<Self> {
        Self::hold_of(folder, "", progress, interrupt)
    }

    /// As [`Self::hold`], for one thing of several in the folder.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub fn hold_of(folder: &Path, what: &str, progress: Progress, interrupt: &Interrupt) -> Result<Self> {
        let mut told = false;
        loop {
            let by = match Self::attempt(folder, what, interrupt)? {
                Attempt::Held(lock) => return Ok(lock),
                Attempt::Busy(by) => by,
            };
            if !told {
                if !is_writable(folder) {
                    return Ok(Self { claim: None });
                }
                progress.line(&waiting(by.as_ref(), folder));
                told = true;
            }
            interrupt.check()?;
            std::thread::sleep(pause(by.as_ref()));
        }
    }

    /// Takes the lock of `folder`, which is made where it is missing, or of the thing `what` in it, if nobody holds it.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written, or is missing and a thing in it is asked for.
    pub fn attempt(folder: &Path, what: &str, interrupt: &Interrupt) -> Result<Attempt> {
        let names = Names::of(folder, what);
        for _ in 0..MOVES {
            if what.is_empty() {
                std::fs::create_dir_all(folder).at("create the folder", folder)?;
            }
            let newest = names.newest()?;
            if let Some(newest) = newest
                && let Some(by) = holder(&names.path(newest))?
            {
                return Ok(Attempt::Busy(by));
            }
            let number = newest.map_or(1, |newest| newest + 1);
            let path = names.path(number);
            let file = match File::options().read(true).write(true).create_new(true).open(&path) {
                // The folder was given another name meanwhile, or somebody was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) if error.kind() == ErrorKind::NotFound && what.is_empty() => continue,
                Err(error) if may_not(&error) => return Ok(Attempt::Held(Self { claim: None })),
                opened => opened.at("lock", &path)?,
            };
            let claim = match Claim::make(file, path.clone(), folder, interrupt) {
                Ok(claim) => claim,
                Err(error) => {
                    let _ = std::fs::remove_file(&path);
                    return Err(error);
                }
            };
            if names.newest()? != Some(number) {
                // What was looked at had been replaced already.
                let _ = std::fs::remove_file(&path);
                continue;
            }
            if let Some(before) = newest {
                let _ = std::fs::remove_file(names.path(before));
            }
            keep_beating(&claim);
            return Ok(Attempt::Held(Self { claim: Some(claim) }));
        }
        Ok(Attempt::Busy(None))
    }

    /// Who holds the lock of `folder` or of a thing in it, each named once.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn holders(folder: &Path) -> Result<Vec<String>> {
        let mut held = Vec::new();
        for path in claims(folder)? {
            if let Some(by) = holder(&path)? {
                held.push(by.map_or_else(|| "another aura-bench".to_owned(), |by| by.to_string()));
            }
        }
        held.sort();
        held.dedup();
        Ok(held)
    }

    /// Whether anybody ever locked `folder` or a thing in it.
    pub fn is_known(folder: &Path) -> bool {
        claims(folder).is_ok_and(|claims| !claims.is_empty())
    }

    /// Removes `folder` if it holds nothing but this lock: the wait for it made a folder that nobody fills.
    pub fn clear_away(&self, folder: &Path) {
        let alone = std::fs::read_dir(folder).is_ok_and(|entries| entries.count() == 1);
        if let Some(claim) = self.claim.as_ref().filter(|_| alone) {
            // Whoever waits for this lock makes the folder anew, and sees that the work is done; what cannot be removed harms nobody.
            claim.release();
            let _ = std::fs::remove_file(&claim.path).and_then(|()| std::fs::remove_dir(folder));
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(claim) = &self.claim {
            claim.release();
        }
    }
}

/// Removes the locks of things in `folder` that nobody holds, once all are done; that of the folder itself stays.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read.
pub fn forget_things(folder: &Path) -> Result<()> {
    let own = format!("{FILE}.");
    for claim in claims(folder)? {
        let name = claim.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(&own) && holder(&claim)?.is_none() {
            let _ = std::fs::remove_file(&claim);
        }
    }
    Ok(())
}

/// Every claim in a folder that is there.
fn claims(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_claim = name
            .strip_prefix(FILE)
            .and_then(|rest| rest.rsplit_once('.'))
            .is_some_and(|(_, number)| number.parse::<u64>().is_ok());
        if is_claim {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The line that says for whom something waits.
pub fn waiting(by: Option<&Owner>, folder: &Path) -> String {
    let by = by.map_or_else(|| "another aura-bench".to_owned(), |by| format!("aura-bench, {by},"));
    format!("waiting for {by} that writes {}", folder.display())
}

/// How long to wait before the next look.
pub fn pause(by: Option<&Owner>) -> Duration {
    if by.is_none_or(Owner::is_here) { LOOK.0 } else { LOOK.1 }
}

/// After how long a process of another machine counts as dead whose claims stand still: two minutes, or the seconds in
/// `AURA_BENCH_LEASE`, which has to be the same for all.
///
/// # Errors
/// [`Error::Usage`] if the variable holds something else.
pub fn lease() -> Result<Duration> {
    static ASKED: LazyLock<Result<Duration, String>> = LazyLock::new(|| match std::env::var("AURA_BENCH_LEASE") {
        Err(_) => Ok(LEASE),
        Ok(text) => match text.parse() {
            Ok(seconds @ 2..=86_400) => Ok(Duration::from_secs(seconds)),
            _ => Err(format!(
                "AURA_BENCH_LEASE is {text:?}: expected whole seconds from 2 to 86400, after which a process of another machine that \
                 gives no sign counts as dead"
            )),
        },
    });
    ASKED.clone().map_err(Error::Usage)
}

/// How the claims on one thing are called.
struct Names<'a> {
    folder: &'a Path,
    begin: String,
}

impl<'a> Names<'a> {
    fn of(folder: &'a Path, what: &str) -> Self {
        let begin = if what.is_empty() {
            format!("{FILE}.")
        } else {
            format!("{FILE}-{what}.")
        };
        Self { folder, begin }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{}{number}", self.begin))
    }

    /// The highest number that is there.
    fn newest(&self) -> Result<Option<u64>> {
        let entries = match std::fs::read_dir(self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            entries => entries.at("list", self.folder)?,
        };
        let mut newest = None;
        for entry in entries {
            let name = entry.at("list", self.folder)?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix(&self.begin)?.parse::<u64>().ok());
            newest = newest.max(number);
        }
        Ok(newest)
    }
}

/// A claim that this process holds.
#[derive(Debug)]
struct Claim {
    /// Where it was created; the folder may have another name by now.
    path: PathBuf,
    folder: PathBuf,
    interrupt: Interrupt,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    beat: u64,
    held: bool,
}

impl Claim {
    fn make(file: File, path: PathBuf, folder: &Path, interrupt: &Interrupt) -> Result<Arc<Self>> {
        lease()?;
        // Where processes cannot be asked for, this tells others of the same machine that the holder lives.
        let _ = file.try_lock();
        let mut state = State {
            file,
            beat: 0,
            held: true,
        };
        state.write().at("lock", &path)?;
        Ok(Arc::new(Self {
            path,
            folder: folder.to_owned(),
            interrupt: interrupt.clone(),
            state: Mutex::new(state),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self) {
        let mut state = self.state();
        state.held = false;
        // Who waits sees that this process is gone, once it is.
        let _ = state.write();
        let _ = state.file.unlock();
    }

    /// Whether the next claim is there: on a network's file system what was taken away may live on under another name.
    fn is_followed(&self) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let next = name
            .rsplit_once('.')
            .and_then(|(begin, number)| Some(format!("{begin}.{}", number.parse::<u64>().ok()? + 1)));
        next.is_some_and(|next| self.folder.join(next).is_file())
    }

    /// Gives a sign of life; stops this process where another one took it for dead.
    fn beat(&self) {
        let mut state = self.state();
        if !state.held {
            return;
        }
        state.beat += 1;
        // What cannot be written now may be the next time; but for a file that is gone.
        let written = state.write();
        if written.is_err_and(|error| is_gone(&error)) || is_unlinked(&state.file) || self.is_followed() {
            state.held = false;
            tracing::warn!(
                "another aura-bench took over {}, because this process gave no sign of life for a while: it stops",
                self.folder.display()
            );
            self.interrupt.raise();
        }
    }
}

impl State {
    fn write(&mut self) -> std::io::Result<()> {
        let word = if self.held { HELD } else { FREE };
        let text = format!("{word} {:012} {}\n", self.beat, Owner::this().text());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        // On a network's file system others see what was written from here on.
        self.file.sync_data()
    }
}

const HELD: &str = "held";
const FREE: &str = "free";

/// Who holds the claim at `path`, if anybody does: `None` if nobody, `Some(None)` if nobody knows who.
fn holder(path: &Path) -> Result<Option<Option<Owner>>> {
    let text = match std::fs::read(path) {
        Err(error) if is_gone(&error) => return Ok(None),
        // Windows lets nobody read what its holder has locked.
        Err(_) if cfg!(windows) => return Ok(Some(None)),
        text => text.at("read the lock", path)?,
    };
    let said = String::from_utf8_lossy(&text).into_owned();
    let mut words = said.split_ascii_whitespace();
    let state = words.next();
    if state == Some(FREE) {
        return Ok(None);
    }
    let by = words.nth(1).and_then(Owner::parse).filter(|_| state == Some(HELD));
    let metadata = match path.metadata() {
        Err(error) if is_gone(&error) => return Ok(None),
        metadata => metadata.at("look at the lock", path)?,
    };
    let life = by.as_ref().map_or(Life::Unknown, |by| by.life(&metadata));
    let dead = match life {
        Life::Alive => false,
        Life::Dead => true,
        Life::Unknown => {
            is_old(&metadata) || stands_still(path, &text)? || by.as_ref().is_some_and(|by| is_let_go(by, path))
        }
    };
    Ok((!dead).then_some(by))
}

/// Whether what a claim says has not changed for the time after which its holder counts as dead.
fn stands_still(path: &Path, text: &[u8]) -> Result<bool> {
    static SEEN: Mutex<BTreeMap<PathBuf, (Vec<u8>, Instant)>> = Mutex::new(BTreeMap::new());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    match seen.get(path) {
        Some((before, since)) if before == text => Ok(since.elapsed() >= lease()?),
        _ => {
            seen.insert(path.to_owned(), (text.to_vec(), Instant::now()));
            Ok(false)
        }
    }
}

/// Whether a claim was written so long ago that no difference between clocks explains it: whoever only looks once, as after a machine
/// was started anew, knows it too.
fn is_old(claim: &Metadata) -> bool {
    const LONG: Duration = Duration::from_hours(1);
    let least = lease().map_or(LONG, |lease| LONG.max(10 * lease));
    claim
        .modified()
        .is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= least))
}

/// Whether a file has gone, as the system or a server says it.
fn is_gone(error: &std::io::Error) -> bool {
    /// ESTALE: a server knows the file no more that a client has open.
    const STALE: i32 = 116;
    error.kind() == ErrorKind::NotFound || (cfg!(target_os = "linux") && error.raw_os_error() == Some(STALE))
}

/// Whether the lock of the system on a claim of this machine is free; where processes can be asked for, these are.
fn is_let_go(by: &Owner, path: &Path) -> bool {
    let asked = cfg!(not(target_os = "linux")) && by.is_here();
    asked && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Lets a thread give signs of life for all claims, as long as there are any.
fn keep_beating(claim: &Arc<Claim>) {
    static HELD: Mutex<Vec<Weak<Claim>>> = Mutex::new(Vec::new());
    let lock = || HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut held = lock();
    let first = held.is_empty();
    held.push(Arc::downgrade(claim));
    drop(held);
    let Ok(lease) = lease() else { return };
    if !first {
        return;
    }
    let beating = std::thread::Builder::new().name("locks".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(lease / BEATS);
            let claims: Vec<Arc<Claim>> = {
                let mut held = lock();
                held.retain(|claim| claim.strong_count() > 0);
                if held.is_empty() {
                    return;
                }
                held.iter().filter_map(Weak::upgrade).collect()
            };
            for claim in claims {
                claim.beat();
            }
        }
    });
    if let Err(error) = beating {
        lock().clear();
        tracing::warn!("other machines will take this process for dead: {error}");
    }
}

fn may_not(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    )
}

fn is_writable(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).map_or_else(|error| !may_not(&error), |_| true)
}

/// Whether a file that is open has no name any more.
#[cfg(unix)]
fn is_unlinked(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
fn is_unlinked(_: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(folder: &Path) -> Option<Lock> {
        match Lock::attempt(folder, "", &Interrupt::default()).unwrap() {
            Attempt::Held(lock) => Some(lock),
            Attempt::Busy(by) => {
                assert!(by.is_none_or(|by| by.is_here()));
                None
            }
        }
    }

    fn claims(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn one_holds_it_and_leaves_one_file_however_often() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        assert!(!Lock::is_known(here));
        for round in 1..=3 {
            let held = take(here).unwrap();
            assert!(take(here).is_none());
            assert_eq!(Lock::holders(here).unwrap(), [Owner::this().to_string()]);
            // Another thing in the same folder has a lock of its own.
            assert!(matches!(
                Lock::attempt(here, "part", &Interrupt::default()).unwrap(),
                Attempt::Held(_)
            ));
            drop(held);
            assert_eq!(Lock::holders(here).unwrap(), Vec::<String>::new());
            assert!(Lock::is_known(here));
            assert_eq!(claims(here), [format!(".lock-part.{round}"), format!(".lock.{round}")]);
        }
        forget_things(here).unwrap();
        assert_eq!(claims(here), [".lock.3"]);
    }

    #[test]
    fn of_many_at_once_one_holds_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let mut left = 20;
                    while left > 0 {
                        if let Some(lock) = take(folder.path()) {
                            use std::sync::atomic::Ordering::SeqCst;
                            assert_eq!(inside.fetch_add(1, SeqCst), 0);
                            std::thread::yield_now();
                            inside.fetch_sub(1, SeqCst);
                            drop(lock);
                            left -= 1;
                        }
                    }
                });
            }
        });
        assert_eq!(claims(folder.path()), [".lock.120"]);
    }

    /// What a process of another machine left, which is seen by nobody here.
    fn elsewhere(folder: &Path, beat: u64) {
        let text = format!("held {beat:012} node17.0badcafe.1.4711.99.33\n");
        std::fs::write(folder.join(".lock.7"), text).unwrap();
    }

    #[test]
    fn one_of_another_machine_is_dead_once_it_gives_no_sign_of_life() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let busy = || match Lock::attempt(here, "", &Interrupt::default()).unwrap() {
            Attempt::Busy(by) => Some(by.unwrap().to_string()),
            Attempt::Held(lock) => {
                assert_eq!(claims(here), [".lock.8"]);
                drop(lock);
                None
            }
        };
        let begun = Instant::now();
        let mut beat = 0;
        while begun.elapsed() < 2 * LEASE {
            beat += 1;
            elsewhere(here, beat);
            assert_eq!(busy().as_deref(), Some("process 4711 on node17, job 33"));
            std::thread::sleep(LEASE / 10);
        }
        let still = Instant::now();
        while busy().is_some() {
            assert!(still.elapsed() < 10 * LEASE, "it never counts as dead");
            std::thread::sleep(LEASE / 10);
        }
        assert!(still.elapsed() >= LEASE / 2);
    }

    #[test]
    fn a_holder_that_is_taken_for_dead_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::default();
        let Attempt::Held(lock) = Lock::attempt(folder.path(), "", &interrupt).unwrap() else {
            panic!("nobody else is here");
        };
        std::thread::sleep(LEASE / BEATS * 3);
        assert!(!interrupt.is_raised());
        let said = std::fs::read_to_string(folder.path().join(".lock.1")).unwrap();
        let beat: u64 = said.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(beat >= 1, "{said}");
        // Another machine makes the next claim, and takes this one away.
        std::fs::remove_file(folder.path().join(".lock.1")).unwrap();
        let begun = Instant::now();
        while !interrupt.is_raised() {
            assert!(begun.elapsed() < 10 * LEASE);
            std::thread::sleep(LEASE / 10);
        }
        drop(lock);
        assert_eq!(claims(folder.path()), Vec::<String>::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_dead_process_of_this_machine_held_is_free_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let this = Owner::this().text();
        let mut words: Vec<&str> = this.split('.').collect();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let id = child.id().to_string();
        words[3] = &id;
        std::fs::write(
            folder.path().join(".lock.1"),
            format!("held 000000000000 {}\n", words.join(".")),
        )
        .unwrap();
        assert!(take(folder.path()).is_some());
    }
}
