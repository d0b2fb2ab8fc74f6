//! The device that tensors live on: parsed from `--device`, resolved once, named in every manifest.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::error::{Error, Result};

/// What the user asked for: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The best device that this build and this machine have.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA device with this index.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("expected auto, cpu, cuda or cuda:N (N = 0, 1, …), found {text:?}");
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(wrong)?;
                // `usize` would also read "+1".
                if index.bytes().all(|byte| byte.is_ascii_digit()) {
                    index.parse().map(Self::Cuda).map_err(|_| wrong())
                } else {
                    Err(wrong())
                }
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// A device that can be used, with the name under which it is reported.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Where tensors are made (without automatic differentiation).
    pub device: Device,
    /// `cpu` or `cuda`: runs on devices of different kinds differ in their last digits.
    pub kind: &'static str,
    /// Name for the manifest: `cpu (flex, 8 threads)`.
    pub name: String,
}

impl DeviceChoice {
    /// Finds the device. A choice is never silently replaced: asking for CUDA gives CUDA or an error.
    ///
    /// # Errors
    /// [`Error::Device`] (exit 4) if the device is not in this build or not on this machine.
    pub fn resolve(self) -> Result<Resolved> {
        match self {
            Self::Auto | Self::Cpu => Ok(cpu()),
            Self::Cuda(index) => Err(Error::Device(format!(
                "device cuda:{index} was asked for, but this build has no CUDA: rebuild with `cargo build --release \
                 --features cuda`, or use `--device cpu`"
            ))),
        }
    }
}

fn cpu() -> Resolved {
    Resolved {
        device: Device::flex(),
        kind: "cpu",
        name: format!("cpu (flex, {} threads)", rayon::current_num_threads()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_and_written() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda:0", DeviceChoice::Cuda(0)),
            ("cuda:3", DeviceChoice::Cuda(3)),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in [
            "",
            "gpu",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "CPU",
            "cuda:99999999999999999999",
        ] {
            let message = text.parse::<DeviceChoice>();
            assert!(message.is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn cuda_without_the_feature_says_how_to_get_it() {
        let error = DeviceChoice::Cuda(1).resolve().err();
        let text = error.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!(error.map(|e| e.exit_code()), Some(crate::error::exit::DEVICE));
        assert!(text.contains("--features cuda"), "{text}");
    }
}
