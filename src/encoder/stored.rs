//! Tensors in weight files, read one by one: safetensors, or a `PyTorch` state dict. Of a pickle only the data are read; no
//! code in it is ever run. Opening a file reads what it says of its tensors, and only those that are asked for are read, so
//! that a file costs no more memory than the model that it is used for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use burn::store::pytorch_reader::{self, PytorchReader};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata};

use crate::error::{Context, Error, Result};
use crate::regular;

/// Bytes of the largest description of tensors that the safetensors format allows.
const MAX_HEADER: u64 = 100_000_000;

/// A tensor in a file.
pub(crate) enum Stored {
    /// Of a safetensors file.
    Safe {
        file: Arc<File>,
        dtype: Dtype,
        shape: Vec<usize>,
        /// First byte in the file.
        start: u64,
        /// Number of bytes.
        length: usize,
    },
    /// Of a state dict.
    Torch(pytorch_reader::Tensor),
}

impl Stored {
    /// The tensors of a weight file by name; its bytes go into `hasher`.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read or is damaged, [`Error::Data`] if it is not as long as it says.
    pub(crate) fn open(path: &Path, hasher: &mut blake3::Hasher) -> Result<Vec<(String, Self)>> {
        // What a file says of itself is checked first: digesting one that is far longer takes its time.
        if is_pickle(path) {
            let tensors = state_dict(path)?.into_tensors();
            digest(path, hasher)?;
            return Ok(tensors
                .into_iter()
                .map(|(name, tensor)| (name, Self::Torch(tensor)))
                .collect());
        }
        let file = regular::open(path).at("read the weights", path)?;
        let header = Header::read(&file, path)?;
        digest(path, hasher)?;
        let file = Arc::new(file);
        Ok(header
            .tensors
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let (start, end) = info.data_offsets;
                let tensor = Self::Safe {
                    file: Arc::clone(&file),
                    dtype: info.dtype,
                    shape: info.shape.clone(),
                    start: header.end + start as u64,
                    length: end - start,
                };
                (name, tensor)
            })
            .collect())
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::Safe { shape, .. } => shape,
            Self::Torch(tensor) => tensor.shape(),
        }
    }

    /// The values as f32, row-major.
    ///
    /// # Errors
    /// What is wrong, as a fragment.
    pub(crate) fn floats(&self) -> Result<Vec<f32>, String> {
        let wrong = |dtype: &dyn std::fmt::Debug| format!("it holds {dtype:?}; expected floats");
        match self {
            Self::Safe {
                file,
                dtype,
                start,
                length,
                ..
            } => {
                let dtype = match dtype {
                    Dtype::F64 => Float::F64,
                    Dtype::F32 => Float::F32,
                    Dtype::F16 => Float::F16,
                    Dtype::BF16 => Float::Bf16,
                    other => return Err(wrong(other)),
                };
                let mut bytes = vec![0; *length];
                let mut file = file.as_ref();
                file.seek(SeekFrom::Start(*start))
                    .and_then(|_| file.read_exact(&mut bytes))
                    .map_err(|error| error.to_string())?;
                Ok(dtype.decode(&bytes, Endian::Little))
            }
            Self::Torch(tensor) => {
                let dtype = match tensor.dtype() {
                    pytorch_reader::DType::F64 => Float::F64,
                    pytorch_reader::DType::F32 => Float::F32,
                    pytorch_reader::DType::F16 => Float::F16,
                    pytorch_reader::DType::BF16 => Float::Bf16,
                    other => return Err(wrong(&other)),
                };
                let bytes = tensor.read().map_err(|error| error.to_string())?;
                Ok(dtype.decode(&bytes, Endian::Native))
            }
        }
    }
}

/// What a safetensors file says of its tensors.
struct Header {
    tensors: Metadata,
    /// First byte behind it.
    end: u64,
}

impl Header {
    /// Reads the header of `file` and checks that the file is exactly as long as it says.
    fn read(mut file: &File, path: &Path) -> Result<Self> {
        let damaged = |what: String| {
            Error::data(format!(
                "failed to read the weights {}: {what}; the file is damaged or no safetensors file: fetch it again",
                path.display()
            ))
        };
        let length = file.metadata().at("read the weights", path)?.len();
        let mut count = [0; 8];
        if length < count.len() as u64 {
            return Err(damaged(format!("it has {length} bytes")));
        }
        file.read_exact(&mut count).at("read the weights", path)?;
        let size = u64::from_le_bytes(count);
        let end = size.saturating_add(count.len() as u64);
        if size > MAX_HEADER || end > length {
            return Err(damaged(format!(
                "it has {length} bytes and claims that the first {size} describe its tensors"
            )));
        }
        let mut json = vec![0; size as usize];
        file.read_exact(&mut json).at("read the weights", path)?;
        let tensors: Metadata =
            serde_json::from_slice(&json).map_err(|error| damaged(format!("its header cannot be read ({error})")))?;
        let described = end.saturating_add(tensors.data_len() as u64);
        if described != length {
            return Err(damaged(format!(
                "it has {length} bytes where its header describes {described}"
            )));
        }
        Ok(Self { tensors, end })
    }
}

#[derive(Clone, Copy)]
enum Float {
    F64,
    F32,
    F16,
    Bf16,
}

#[derive(Clone, Copy, PartialEq)]
enum Endian {
    Little,
    Native,
}

impl Float {
    fn decode(self, data: &[u8], endian: Endian) -> Vec<f32> {
        fn each<const N: usize>(data: &[u8], endian: Endian, read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            let swap = endian == Endian::Native && cfg!(target_endian = "big");
            let chunks = data.as_chunks::<N>().0.iter();
            chunks
                .map(|&(mut bytes)| {
                    if swap {
                        bytes.reverse();
                    }
                    read(bytes)
                })
                .collect()
        }
        match self {
            Self::F64 => each(data, endian, |bytes| f64::from_le_bytes(bytes) as f32),
            Self::F32 => each(data, endian, f32::from_le_bytes),
            Self::F16 => each(data, endian, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Self::Bf16 => each(data, endian, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        }
    }
}

fn digest(path: &Path, hasher: &mut blake3::Hasher) -> Result<()> {
    let file = regular::open(path).at("read the weights", path)?;
    hasher.update_reader(file).at("read the weights", path)?;
    Ok(())
}

/// Whether a file is a `PyTorch` state dict by its name.
pub(crate) fn is_pickle(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| ["pth", "pt", "bin"].iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// A `PyTorch` checkpoint: what lies below the key that holds the weights, or all of it.
fn state_dict(path: &Path) -> Result<PytorchReader> {
    // Checkpoints of a training keep the weights below a key. DINO's are evaluated by their teacher.
    for key in ["teacher", "state_dict", "model"] {
        if let Ok(reader) = PytorchReader::with_top_level_key(path, key)
            && !reader.is_empty()
        {
            return Ok(reader);
        }
    }
    PytorchReader::new(path).at("read the weights", path)
}
