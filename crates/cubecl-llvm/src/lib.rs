//! The names of `cubecl-llvm` that `cubecl-cuda` mentions, without LLVM.
//!
//! `cubecl-cuda` compiles both of its back ends always and picks one by its feature `cpp`. This package turns that feature
//! on, so nothing here ever runs; should it run, it fails with an error that says why.

use std::ffi::c_char;

use cubecl_core::ir::nvidia::SmArch;
use cubecl_core::prelude::KernelDefinition;
use cubecl_server::compiler::CompilationError;
use cubecl_server::kernel::BufferIOAttr;

pub mod nvptx;
pub mod shared;

/// What the LLVM back end would compile for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LlvmTarget {
    /// PTX for NVIDIA devices.
    #[default]
    Nvptx,
}

/// The LLVM back end's compiler, which is not built in.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlironCompiler {
    /// What it would compile for.
    pub target: LlvmTarget,
}

/// Options that the LLVM back end would read.
#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    /// Architecture of AMD devices; never set here.
    pub arch: Option<String>,
    /// Architecture of NVIDIA devices.
    pub sm_arch: Option<SmArch>,
    /// PTX version to emit.
    pub ptx_version: Option<nvptx::ptx_version::PtxVersion>,
    /// Whether scalars travel in the kernel's parameter block.
    pub grid_constants: bool,
}

/// A PTX module as the LLVM back end would return it.
#[derive(Clone, Debug)]
pub struct NvptxModule {
    /// PTX, ended by NUL.
    pub ptx: Vec<c_char>,
    /// Name of the kernel's entry point.
    pub entrypoint: String,
    /// Intermediate representation, for logs and cache keys.
    pub ir: String,
    /// Shared memory of a launch, bytes.
    pub shared_memory_size: usize,
    /// How each buffer is used.
    pub io: Vec<BufferIOAttr>,
}

/// What the LLVM back end would produce.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PlironArtifact {
    /// Code for NVIDIA devices.
    NvptxCode(NvptxModule),
}

impl PlironCompiler {
    /// Always fails: the LLVM back end is not built in.
    ///
    /// # Errors
    /// Always.
    pub fn compile(&mut self, _kernel: KernelDefinition, _options: &PlironOptions) -> Result<PlironArtifact, CompilationError> {
        Err(absent())
    }

    /// Language of the output, for logs.
    pub fn lang_tag(&self) -> &'static str {
        "ptx"
    }
}

fn absent() -> CompilationError {
    CompilationError::Generic {
        reason: "the LLVM back end of cubecl is not built in; kernels are compiled by NVRTC (feature `cpp`)".to_owned(),
        backtrace: cubecl_environment::backtrace::BackTrace::capture(),
    }
}
