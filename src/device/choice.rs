//! Which device a user asks for.

use std::fmt;
use std::str::FromStr;

/// What the user asked for: `auto`, `cpu`, `cuda`, `cuda:N`, `cuda:0,1,…`, or the same with `gpu`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The best device that this build and this machine have.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA devices with these indices: one or more, none twice.
    Cuda(Vec<usize>),
    /// The devices with these indices among those that Vulkan, Metal or Direct3D reach: one or more, none twice.
    Gpu(Vec<usize>),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || {
            format!("expected auto, cpu, cuda, gpu, one of several as cuda:1, or several as cuda:0,1, found {text:?}")
        };
        let (kind, indices) = text
            .split_once(':')
            .map_or((text, None), |(kind, list)| (kind, Some(list)));
        let of: fn(Vec<usize>) -> Self = match (kind, indices) {
            ("auto", None) => return Ok(Self::Auto),
            ("cpu", None) => return Ok(Self::Cpu),
            ("cuda", _) => Self::Cuda,
            ("gpu", _) => Self::Gpu,
            _ => return Err(wrong()),
        };
        let mut found = Vec::new();
        for index in indices.unwrap_or("0").split(',') {
            // `usize` would also read "+1".
            if !index.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong());
            }
            let index = index.parse().map_err(|_| wrong())?;
            if found.contains(&index) {
                return Err(format!("{text:?} names device {index} twice"));
            }
            found.push(index);
        }
        Ok(of(found))
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, indices) = match self {
            Self::Auto => return f.write_str("auto"),
            Self::Cpu => return f.write_str("cpu"),
            Self::Cuda(indices) => ("cuda", indices),
            Self::Gpu(indices) => ("gpu", indices),
        };
        let list: Vec<String> = indices.iter().map(ToString::to_string).collect();
        write!(f, "{kind}:{}", list.join(","))
    }
}
