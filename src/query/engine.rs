//! `DataFusion` as this program runs it: in one order, within a bound of memory, on threads of its own that can be left alone.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use indicatif::HumanBytes;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::meter::available_memory;
use crate::threads::granted;

use super::order::OneOrder;
use super::value::Value;

/// How often somebody who waits for a query looks whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(20);

/// Stack of a query's threads: planning descends into a statement as deep as it is (see `super::statement`). Pages that are not
/// reached cost nothing.
const STACK: usize = 256 << 20;

/// What a query may always take, however little memory is free.
const LEAST_MEMORY: u64 = 64 << 20;

/// Threads that decode while one adds up, and as many that wait for files.
const MOST_THREADS: usize = 8;

/// Views whose files are at least so many bytes together are read in parts, side by side.
const PARTED: usize = 4 << 20;

/// How many threads a session works on.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS))
}

/// What its threads are called. One that gives up says so to whoever waits, and not on stderr.
pub(crate) const THREADS: &str = "query";

/// A session and the threads that it works on.
pub(super) struct Engine {
    /// Taken when it is dropped, only then.
    runtime: Option<tokio::runtime::Runtime>,
    session: SessionContext,
    memory: u64,
    interrupt: Interrupt,
}

/// Why there is no answer.
pub(super) enum Stopped {
    /// `DataFusion` says why.
    Failed(DataFusionError),
    /// A library underneath gave up in the middle of it.
    GaveUp,
    /// The user wanted to stop.
    Interrupted,
}

impl From<DataFusionError> for Stopped {
    fn from(error: DataFusionError) -> Self {
        Self::Failed(error)
    }
}

impl Engine {
    pub(super) fn start() -> Result<Self> {
        Self::with(threads(), PARTED)
    }

    /// As [`Self::start`], on so many threads, which change no byte of an answer, and with views read in parts from so many bytes on.
    pub(super) fn with(threads: usize, parted: usize) -> Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(threads)
            .max_blocking_threads(threads)
            .thread_name(THREADS)
            .thread_stack_size(STACK);
        let number = 2 * threads;
        granted(number, Some(STACK)).map_err(|error| {
            Error::data(format!(
                "the system grants fewer than the {number} threads, of {} of address space each, that queries work on ({error}): raise \
                 the limits (ulimit -u, ulimit -v, or pids.max of its group)",
                HumanBytes(STACK as u64)
            ))
        })?;
        let runtime = builder
            .build()
            .map_err(|error| Error::data(format!("failed to start the query threads: {error}")))?;
        let memory = available_memory().map_or(u64::MAX, |free| (free / 2).max(LEAST_MEMORY));
        let rules = OneOrder { threads }.among(PhysicalOptimizer::new().rules);
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_config(settings(parted))
            .with_runtime_env(bounded(memory)?)
            .with_physical_optimizer_rules(rules)
            .build();
        Ok(Self {
            runtime: Some(runtime),
            session: SessionContext::new_with_state(state),
            memory,
            interrupt: Interrupt::default(),
        })
    }

    /// Ends queries once `interrupt` is raised.
    pub(super) fn heed(&mut self, interrupt: Interrupt) {
        self.interrupt = interrupt;
    }

    pub(super) fn session(&self) -> &SessionContext {
        &self.session
    }

    /// Bytes that a query may take.
    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    /// Does `work` on the engine's threads and waits for it, as long as the user does.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DataFusionError>> + Send + 'static,
    ) -> Result<T, Stopped> {
        let Some(runtime) = &self.runtime else {
            return Err(Stopped::GaveUp);
        };
        let (done, wait) = sync_channel(1);
        let task = runtime.spawn(async move {
            // Nobody waits any more where the user stopped.
            let _ = done.send(work.await);
        });
        loop {
            match wait.recv_timeout(LOOK) {
                Ok(answer) => return answer.map_err(Stopped::Failed),
                Err(RecvTimeoutError::Disconnected) => return Err(Stopped::GaveUp),
                Err(RecvTimeoutError::Timeout) if self.interrupt.is_raised() => {
                    task.abort();
                    return Err(Stopped::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// All rows of a frame, within the bound of memory.
    pub(super) fn collect(&self, frame: DataFrame) -> Result<(SchemaRef, Vec<RecordBatch>), Stopped> {
        let pool = Arc::clone(&self.session.runtime_env().memory_pool);
        self.run(async move {
            let schema = Arc::clone(frame.schema().inner());
            let held = MemoryConsumer::new("the result").register(&pool);
            let mut rows = frame.execute_stream().await?;
            let mut batches = Vec::new();
            while let Some(batch) = std::future::poll_fn(|waker| rows.as_mut().poll_next(waker)).await {
                let batch = batch?;
                held.try_grow(shown(&batch))?;
                batches.push(batch);
            }
            Ok((schema, batches))
        })
    }
}

/// Bytes of a batch and of the cells that are made of it to be shown: texts there are no longer shared between rows.
fn shown(batch: &RecordBatch) -> usize {
    let cells = batch.num_rows() * batch.num_columns() * size_of::<Value>();
    let texts = batch.columns().iter().filter_map(|column| column.as_string_view_opt());
    let texts: usize = texts
        .map(|texts| texts.lengths().map(|n| n as usize).sum::<usize>())
        .sum();
    batch.get_array_memory_size() + cells + texts
}

impl Drop for Engine {
    fn drop(&mut self) {
        // What somebody was stopped in is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What `DataFusion` would distribute by itself it distributes by hash and merges as it comes, so it is given one partition to do that
/// with. Views come in parts all the same, in the order of their files, and are computed on all threads up to where rows begin to
/// depend on each other (`OneOrder`): sums of floating-point numbers are formed in one order, and a report has the same bytes every
/// time, on any number of threads.
fn settings(parted: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_repartition_file_min_size(parted)
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(true);
    // By it every stream of a join waits until all of them have begun, which those that come later do not.
    config.options_mut().optimizer.enable_join_dynamic_filter_pushdown = false;
    config
}

/// Files that rows are moved to would make a sum's order depend on the memory that is free: too much is an error instead.
fn bounded(memory: u64) -> Result<Arc<RuntimeEnv>> {
    let nowhere = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    RuntimeEnvBuilder::new()
        .with_memory_limit(usize::try_from(memory).unwrap_or(usize::MAX), 1.0)
        .with_disk_manager_builder(nowhere)
        .build_arc()
        .map_err(|error| Error::data(format!("failed to prepare queries: {error}")))
}
