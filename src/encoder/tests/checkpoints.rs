//! Weights as the original releases keep them: blocks in chunks, registers, other sizes.

use super::*;
use crate::encoder::weights::Weights;

/// The tensors of `file` under other names, in a folder that describes the model `folder`.
fn renamed(folder: &str, file: &str, rename: impl Fn(&str) -> String) -> tempfile::TempDir {
    let copy = described_as(folder);
    let bytes = std::fs::read(model(file)).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let views: Vec<_> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| (rename(&name), view))
        .collect();
    safetensors::serialize_to_file(views, None, &copy.path().join("model.safetensors")).unwrap();
    copy
}

#[test]
fn blocks_in_chunks_are_numbered_through() {
    let original = "dinov2_original.safetensors";
    // Block i in chunk i, under its own number as DINOv2 writes it, and numbered anew in every chunk.
    for anew in [false, true] {
        let copy = renamed("dinov2", original, |name| match name.strip_prefix("blocks.") {
            Some(rest) if anew => {
                let (block, rest) = rest.split_once('.').unwrap();
                format!("blocks.{block}.0.{rest}")
            }
            Some(rest) => {
                let block = rest.split_once('.').unwrap().0;
                format!("blocks.{block}.{rest}")
            }
            None => name.to_owned(),
        });
        assert_golden(
            config(EncoderKind::Dinov2, copy.path()).build().unwrap().as_ref(),
            "dinov2",
        );
    }
}

#[test]
fn registers_and_trained_size_are_those_of_the_file() {
    for folder in ["dinov2", "dinov2_registers"] {
        let own = model_folder::read_architecture(&model(folder), EncoderKind::Dinov2).unwrap();
        let files = model_folder::files_of(&model(folder)).unwrap();
        let mut other = own.clone();
        other.registers = 0;
        other.image_size = own.image_size + 5 * own.patch_size;
        let error = Weights::read(&files, &mut other.clone(), false)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("misshapen") && error.contains("position_embeddings"),
            "{error}"
        );
        Weights::read(&files, &mut other, true).unwrap();
        assert_eq!(
            (other.registers, other.positions()),
            (own.registers, own.positions()),
            "{folder}"
        );
        assert_eq!(other.registers > 0, folder == "dinov2_registers");
    }
}
