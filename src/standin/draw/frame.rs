//! One moment of a face: what it shows and how it is seen.

/// Where the face lies in the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    /// Side of the face's square as a share of the image's side.
    pub scale: f32,
    /// Where that square's middle lies, in half sides from the image's middle.
    pub centre: (f32, f32),
    /// What is added to yaw, pitch and roll of the shot: frames of one video share a shot, and heads move.
    pub turn: [f32; 3],
    /// Whether the camera stands before the face, in colour and in focus.
    pub studio: bool,
}

impl Default for Frame {
    /// The face fills the image.
    fn default() -> Self {
        Self {
            scale: 1.0,
            centre: (0.0, 0.0),
            turn: [0.0; 3],
            studio: false,
        }
    }
}

impl Frame {
    /// Side of an image whose face has `size` pixels.
    pub fn side(&self, size: u32) -> u32 {
        (size as f32 / self.scale).round() as u32
    }
}
