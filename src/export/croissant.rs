//! Croissant 1.0 metadata of a table: a feature table's folder of parts, or one Parquet file.

use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Schema};
use serde_json::{Value as Json, json};

use crate::columns;
use crate::disk::{atomic, guard};
use crate::error::{Context, Error, Result};
use crate::feature::FeatureMetadata;
use crate::feature::table::{FEATURES_KEY, GLOBAL, TOKENS, part_index};
use crate::naming;
use crate::there;

/// Name of the metadata file beside a table.
pub const FILE: &str = "croissant.json";

/// Writes the metadata of the table at `path` beside it, unless they are there and the same, and returns the file's path.
///
/// # Errors
/// As [`describe`]; [`Error::Io`] if the file cannot be written.
pub fn write_beside(path: &Path) -> Result<PathBuf> {
    let file = if there::is_dir(path)? {
        path.join(FILE)
    } else {
        path.with_file_name(FILE)
    };
    write(path, &file)?;
    Ok(file)
}

/// Writes the metadata of the table at `path` to `file`, unless they are there and the same.
///
/// # Errors
/// As [`write_beside`].
pub fn write(path: &Path, file: &Path) -> Result<()> {
    let mut text = serde_json::to_string_pretty(&describe(path)?).at("encode", file)?;
    text.push('\n');
    if std::fs::read(file).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    atomic::write(file, text.as_bytes())
}

/// The metadata of the table at `path`: a folder with the parts of a feature table, a folder with Parquet files of one
/// kind, or one Parquet file.
///
/// Addresses are relative to the folder of the table, so that table and metadata can be moved together; nothing else hangs
/// on where the table lies.
///
/// # Errors
/// [`Error::Data`] if there is no Parquet file, or parts differ in their columns.
pub fn describe(path: &Path) -> Result<Json> {
    let Parts { files, includes } = Parts::find(path)?;
    let Some(first) = files.first() else {
        return Err(Error::unusable_table(format!(
            "{} holds no Parquet file; expected a feature table or one Parquet file",
            path.display()
        )));
    };
    let (schema, metadata, mut rows) = read(first)?;
    for file in &files[1..] {
        let (other, _, more) = read(file)?;
        if other.fields() != schema.fields() {
            return Err(Error::unusable_table(format!(
                "{} has other columns than {}, so they are not parts of one table; name one file, or the folder of a \
                 feature table",
                file.display(),
                first.display()
            )));
        }
        rows += more;
    }
    let features: Option<FeatureMetadata> = metadata
        .get(FEATURES_KEY)
        .and_then(|text| serde_json::from_str(text).ok());
    let name = match &features {
        Some(features) => features.title(),
        None => path
            .canonicalize()
            .at("open", path)?
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default(),
    };
    let fields: Vec<Json> = schema.fields().iter().filter_map(|field| described(field)).collect();
    let mut remarks = String::new();
    if let Some(encoder) = features.as_ref().and_then(|features| naming::title(&features.encoder)) {
        remarks.push_str(&format!(" Encoder: {encoder}."));
    }
    if features.is_some_and(|features| naming::is_random(&features.encoder)) {
        remarks.push_str(" Its weights were drawn, not trained: the features mean nothing.");
    }
    if metadata.values().any(|value| value.contains("\"stand_in\":true")) {
        remarks.push_str(" The faces are generated stand-ins: the table says nothing about the database.");
    }
    Ok(json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": format!(
            "{rows} samples of a facial-affect database with labels, and features where they were extracted, made by \
             aura-bench {}. It holds no images; the licence of the database applies.{remarks}",
            env!("CARGO_PKG_VERSION")
        ),
        "version": "1.0.0",
        "isLiveDataset": false,
        "distribution": [{
            "@type": "cr:FileSet",
            "@id": "parts",
            "name": "parts",
            "description": "The rows in order, one Parquet file after the other.",
            "encodingFormat": "application/x-parquet",
            "includes": includes,
        }],
        "recordSet": [{
            "@type": "cr:RecordSet",
            "@id": "samples",
            "name": "samples",
            "description": "One record a sample; columns as in docs/tables.md.",
            "key": {"@id": "samples/sample_id"},
            "field": fields,
        }],
    }))
}

/// The files of a table, in order, and the pattern of their names.
struct Parts {
    files: Vec<PathBuf>,
    includes: String,
}

impl Parts {
    fn find(path: &Path) -> Result<Self> {
        let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if there::is_file(path)? {
            return Ok(Self {
                files: vec![path.to_owned()],
                includes: name(path),
            });
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).at("list", path)? {
            let file = entry.at("list", path)?.path();
            if file.extension().is_some_and(|extension| extension == "parquet") && there::is_file(&file)? {
                files.push(file);
            }
        }
        files.sort();
        // Beside the parts of a feature table the samples may lie that it was made from.
        let is_part = |file: &PathBuf| part_index(&name(file)).is_some();
        let features = files.iter().any(is_part);
        if features {
            files.retain(is_part);
        }
        Ok(Self {
            files,
            includes: if features { "part-*.parquet" } else { "*.parquet" }.to_owned(),
        })
    }
}

type Read = (Schema, std::collections::HashMap<String, String>, i64);

fn read(path: &Path) -> Result<Read> {
    let reader = guard::open(path)?;
    let rows = reader.metadata().file_metadata().num_rows();
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    let metadata = pairs
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)))
        .collect();
    Ok((reader.schema().as_ref().clone(), metadata, rows))
}

/// A column as a field; `None` for a type that Croissant has no word for.
fn described(field: &arrow::datatypes::Field) -> Option<Json> {
    let (kind, repeated) = match field.data_type() {
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item) => (item.data_type(), true),
        other => (other, false),
    };
    let kind = match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "sc:Text",
        DataType::Boolean => "sc:Boolean",
        DataType::Float16 | DataType::Float32 | DataType::Float64 => "sc:Float",
        other if other.is_integer() => "sc:Integer",
        _ => return None,
    };
    let name = field.name();
    let mut described = json!({
        "@type": "cr:Field",
        "@id": format!("samples/{name}"),
        "name": name,
        "description": meaning(name),
        "dataType": kind,
        "source": {"fileSet": {"@id": "parts"}, "extract": {"column": name}},
    });
    if repeated {
        described["repeated"] = Json::Bool(true);
    }
    Some(described)
}

fn meaning(column: &str) -> &str {
    match column {
        GLOBAL => "The encoder's vector of the image",
        TOKENS => "The encoder's patch tokens, one after the other",
        other => columns::of_samples(other).map_or(other, |(_, meaning)| meaning),
    }
}

/// The standard context of Croissant 1.0.
fn context() -> Json {
    let plain = [
        "citeAs",
        "column",
        "equivalentProperty",
        "extract",
        "field",
        "fileProperty",
        "fileObject",
        "fileSet",
        "format",
        "includes",
        "isLiveDataset",
        "jsonPath",
        "key",
        "md5",
        "parentField",
        "path",
        "recordSet",
        "references",
        "regex",
        "repeated",
        "replace",
        "samplingRate",
        "separator",
        "source",
        "subField",
        "transform",
    ];
    let mut context = json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "dct": "http://purl.org/dc/terms/",
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "sc": "https://schema.org/",
    });
    for name in plain {
        context[name] = Json::String(format!("cr:{name}"));
    }
    context
}
