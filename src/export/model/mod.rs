//! A trained model as other programs run it: safetensors, ONNX, and a card that says what it is.

pub mod card;
pub mod folder;
pub mod graph;
pub mod network;
pub mod protobuf;
