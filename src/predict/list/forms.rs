//! How detectors write boxes: `forms.toml`.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::image::FaceBox;

/// What the columns of a box hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Left, top, width, height.
    Size,
    /// Left, top, right, bottom.
    Corners,
    /// Points of the face: names that begin so hold x, and y.
    Landmarks,
}

/// How one tool writes boxes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// The tool.
    pub name: String,
    /// What the columns hold.
    pub shape: Shape,
    /// The columns: four, or one that holds four numbers; of landmarks, how names of x and of y begin.
    pub columns: Vec<String>,
    /// Whether lengths are fractions of the image's width and height, not pixels.
    #[serde(default)]
    pub fraction: bool,
    /// Column of the frame of a video.
    #[serde(default)]
    pub frame: Option<String>,
    /// The number of the first frame.
    #[serde(default)]
    pub first_frame: i32,
    /// Column that is 0 where no face was found.
    #[serde(default)]
    pub found: Option<String>,
    /// Whether a row without a box stands for its whole image.
    #[serde(default)]
    pub whole: bool,
}

/// All forms.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forms {
    /// Columns that name the image, the first that is there.
    pub image: Vec<String>,
    /// Columns that name the sample.
    pub id: Vec<String>,
    /// Forms, of which the first counts whose columns are all there.
    pub form: Vec<Form>,
}

impl Forms {
    /// Those that the program knows.
    ///
    /// # Errors
    /// If the file is no such list, which is a defect of this program.
    pub fn known() -> Result<Self> {
        toml::from_str(include_str!("forms.toml")).map_err(|error| Error::data(format!("forms.toml: {error}")))
    }
}

impl Form {
    /// Where the columns of its box are in a header; `None` if one is missing.
    pub fn columns_in(&self, header: &[String]) -> Option<Vec<usize>> {
        if self.shape != Shape::Landmarks {
            return self.columns.iter().map(|name| place(header, name)).collect();
        }
        let points = |prefix: &str| -> Vec<usize> {
            let is_point = |name: &str| {
                let number = name.strip_prefix(prefix);
                number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
            };
            let named = header.iter().enumerate().filter(|(_, name)| is_point(name));
            named.map(|(at, _)| at).collect()
        };
        let [x, y] = [points(self.columns.first()?), points(self.columns.get(1)?)];
        (!x.is_empty() && x.len() == y.len()).then(|| [x, y].concat())
    }

    /// The box that numbers say, in pixels of an image of this size.
    pub fn face(&self, numbers: &[f64], (width, height): (u32, u32)) -> Option<FaceBox> {
        let (across, down) = if self.fraction {
            (f64::from(width), f64::from(height))
        } else {
            (1.0, 1.0)
        };
        let [left, top, right, bottom] = match (self.shape, numbers) {
            (Shape::Size, &[x, y, width, height]) => [x, y, x + width, y + height],
            (Shape::Corners, &[left, top, right, bottom]) => [left, top, right, bottom],
            (Shape::Landmarks, points) => {
                let (x, y) = points.split_at_checked(points.len() / 2)?;
                let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
                let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                [least(x), least(y), most(x), most(y)]
            }
            _ => return None,
        };
        // A width is passed on as it was written, not as the difference of two sums.
        let (wide, high) = match (self.shape, numbers) {
            (Shape::Size, &[.., wide, high]) => (wide, high),
            _ => (right - left, bottom - top),
        };
        Some(FaceBox {
            x: (left * across) as f32,
            y: (top * down) as f32,
            width: (wide * across) as f32,
            height: (high * down) as f32,
        })
    }
}

/// Where a column is, whatever its case.
pub fn place(header: &[String], name: &str) -> Option<usize> {
    header.iter().position(|column| column.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &str) -> Vec<String> {
        names.split(',').map(str::to_owned).collect()
    }

    fn found(names: &str) -> Option<String> {
        let forms = Forms::known().unwrap();
        let header = header(names);
        let form = forms.form.iter().find(|form| form.columns_in(&header).is_some());
        form.map(|form| form.name.clone())
    }

    #[test]
    fn detectors_are_known_by_their_columns() {
        for (names, tool) in [
            (
                "FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore,input,frame",
                "py-feat",
            ),
            ("sample_id,image_path,bbox_x,bbox_y,bbox_w,bbox_h", "aura-bench"),
            ("image,x1,y1,x2,y2,score", "RetinaFace"),
            ("img,facial_area", "RetinaFace"),
            (
                "timestamp,image_path,face_id,face_detection,landmarks,emotion",
                "OpenFace 3",
            ),
            ("file,origin_x,origin_y,width,height", "MediaPipe Tasks"),
            ("file,originX,originY,width,height", "MediaPipe for JavaScript"),
            ("file,xmin,ymin,width,height", "MediaPipe Solutions"),
            (
                "frame,face_id,timestamp,confidence,success,x_0,x_1,y_0,y_1,X_0,Y_0",
                "OpenFace 2",
            ),
        ] {
            let name = found(names).unwrap_or_else(|| panic!("{names} is not known"));
            assert!(name.starts_with(tool), "{names}: {name}");
        }
        assert_eq!(found("image,label"), None);
        assert_eq!(found("x_0,y_0,y_1"), None, "a point without its other half");
    }

    #[test]
    fn every_shape_gives_left_top_width_and_height() {
        let form = |shape, fraction| Form {
            name: String::new(),
            shape,
            columns: Vec::new(),
            fraction,
            frame: None,
            first_frame: 0,
            found: None,
            whole: false,
        };
        let face = FaceBox {
            x: 10.0,
            y: 20.0,
            width: 30.0,
            height: 40.0,
        };
        let size = (100, 200);
        assert_eq!(
            form(Shape::Size, false).face(&[10.0, 20.0, 30.0, 40.0], size),
            Some(face)
        );
        assert_eq!(
            form(Shape::Corners, false).face(&[10.0, 20.0, 40.0, 60.0], size),
            Some(face)
        );
        assert_eq!(form(Shape::Size, true).face(&[0.1, 0.1, 0.3, 0.2], size), Some(face));
        let points = [10.0, 25.0, 40.0, 60.0, 20.0, 30.0];
        assert_eq!(form(Shape::Landmarks, false).face(&points, size), Some(face));
        assert_eq!(form(Shape::Size, false).face(&[1.0, 2.0], size), None);
    }
}
