//! One small kernel on a device, before anything is left to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, Tensor};

/// Compiles and runs one small kernel. The error is what the libraries underneath said.
pub fn try_out(device: &Device) -> std::result::Result<(), String> {
    let values = heard(|| {
        let ones = Tensor::<2>::ones([16, 16], device);
        let sum = (ones.clone().matmul(ones) * 2.0).sum();
        sum.try_into_vec_as::<f32>().map_err(|error| error.to_string())
    })??;
    if values.len() == 1 && (values[0] - 8192.0).abs() < 8.0 {
        Ok(())
    } else {
        Err(format!("a sum that should be 8192 came out as {values:?}"))
    }
}

/// Does `work`; the error is what a panic under it said. The libraries of devices panic rather than return one.
pub fn heard<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    let said = Arc::new(Mutex::new(None));
    let hear = Arc::clone(&said);
    // The device works in threads of its own, whose panics reach only the hook.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let mut said = hear.lock().unwrap_or_else(PoisonError::into_inner);
        said.get_or_insert_with(|| {
            let payload = info.payload();
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "it gave no reason".to_owned())
        });
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(before);
    let heard = said.lock().unwrap_or_else(PoisonError::into_inner).take();
    outcome.map_err(|_| heard.unwrap_or_else(|| "it gave no reason".to_owned()))
}
