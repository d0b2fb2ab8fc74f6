//! How many kernels a piece of work launches on a GPU, and what for.

use std::collections::BTreeMap;

#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
use cubecl_runtime::logging::{LaunchObservation, LaunchObserver};

#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
use crate::model::cause;

/// Kernels launched, by cause and name.
pub type Launches = BTreeMap<(&'static str, &'static str), u64>;

/// Does `work` and counts the kernels that this process launches meanwhile, by the [cause](crate::model::cause) that the launching
/// thread is in: with kernel fusion that is a thread which knows none. None on the processor, and in builds without GPUs.
#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
pub fn count<T>(work: impl FnOnce() -> T) -> (T, Launches) {
    let counter = Arc::new(Counter::default());
    let observation = LaunchObservation::new(Arc::clone(&counter) as Arc<dyn LaunchObserver>);
    let done = work();
    drop(observation);
    let mut launches = counter.0.lock().unwrap_or_else(PoisonError::into_inner);
    (done, std::mem::take(&mut launches))
}

/// As with GPUs, of which there are none in this build.
#[cfg(not(any(feature = "cuda-plain", feature = "wgpu-plain")))]
pub fn count<T>(work: impl FnOnce() -> T) -> (T, Launches) {
    (work(), Launches::new())
}

#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
#[derive(Default)]
struct Counter(Mutex<Launches>);

#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
impl LaunchObserver for Counter {
    fn launched(&self, kernel: &'static str) {
        let mut launches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *launches.entry((cause::now(), kernel)).or_default() += 1;
    }
}
