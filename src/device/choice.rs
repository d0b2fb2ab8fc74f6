//! Which device a user asks for.

use std::fmt;
use std::str::FromStr;

/// What the user asked for: `auto`, `cpu`, `cuda`, `cuda:N` or `cuda:0,1,…`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The best device that this build and this machine have.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA devices with these indices: one or more, none twice.
    Cuda(Vec<usize>),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("expected auto, cpu, cuda, cuda:N (N = 0, 1, …) or several as cuda:0,1, found {text:?}");
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(vec![0])),
            _ => {
                let mut indices = Vec::new();
                for index in text.strip_prefix("cuda:").ok_or_else(wrong)?.split(',') {
                    // `usize` would also read "+1".
                    if !index.bytes().all(|byte| byte.is_ascii_digit()) {
                        return Err(wrong());
                    }
                    let index = index.parse().map_err(|_| wrong())?;
                    if indices.contains(&index) {
                        return Err(format!("{text:?} names device {index} twice"));
                    }
                    indices.push(index);
                }
                Ok(Self::Cuda(indices))
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(indices) => {
                let list: Vec<String> = indices.iter().map(ToString::to_string).collect();
                write!(f, "cuda:{}", list.join(","))
            }
        }
    }
}
