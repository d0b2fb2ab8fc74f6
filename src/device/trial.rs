//! One small kernel on a device, before anything is left to it.

use burn::tensor::{Device, Tensor};

use super::heard::heard;

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
