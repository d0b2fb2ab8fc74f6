//! From a long result to a wide table: a column for each value that a column of the result has, as many as there are.
//!
//! SQL has to name its columns; which action units a database labels is known from its runs only.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::query::{Column, Table, Value, plain};

use super::catalog::ColumnSpec;
use super::cells;

/// Spreads the columns of `table` that a spec wants for each value of another. Rows that differ in nothing else become one,
/// at the place of the first; without such a spec nothing changes.
///
/// # Errors
/// What is wrong: a column that a spec names is not in the result.
pub(super) fn widen(
    table: Table,
    specs: &[ColumnSpec],
    labels: &BTreeMap<String, String>,
) -> Result<(Table, Vec<ColumnSpec>), String> {
    let Some(key) = specs.iter().find_map(|spec| spec.for_each.as_deref()) else {
        return Ok((table, specs.to_vec()));
    };
    let missing = |name: &str| format!("the result has no column `{name}`");
    let key = table.column(key).ok_or_else(|| missing(key))?;
    // Position of a column that is spread → the spec that it belongs to.
    let mut spread: BTreeMap<usize, &ColumnSpec> = BTreeMap::new();
    for spec in specs.iter().filter(|spec| spec.for_each.is_some()) {
        for name in [Some(&spec.name), spec.sd.as_ref(), spec.gain.as_ref(), spec.to.as_ref()]
            .into_iter()
            .flatten()
        {
            spread.insert(table.column(name).ok_or_else(|| missing(name))?, spec);
        }
    }
    let values: BTreeSet<String> = table
        .rows
        .iter()
        .filter(|row| !row[key].is_null())
        .map(|row| plain(&row[key], ""))
        .collect();
    // The columns of the wide table, each with the one that it is taken from and, where it is spread, the value.
    let mut places: Vec<(usize, Option<&str>)> = Vec::new();
    for i in 0..table.columns.len() {
        if spread.first_key_value().is_some_and(|(first, _)| *first == i) {
            for value in &values {
                places.extend(spread.keys().map(|&column| (column, Some(value.as_str()))));
            }
        } else if i != key && !spread.contains_key(&i) {
            places.push((i, None));
        }
    }
    let columns = places
        .iter()
        .map(|&(i, value)| {
            let Column { name, kind } = &table.columns[i];
            Column {
                name: match value {
                    Some(value) => spread_name(name, &spread[&i].name, value),
                    None => name.clone(),
                },
                kind: *kind,
            }
        })
        .collect();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut found: HashMap<String, usize> = HashMap::new();
    for row in &table.rows {
        let rest: Vec<&Value> = (0..row.len())
            .filter(|i| *i != key && !spread.contains_key(i))
            .map(|i| &row[i])
            .collect();
        // As text, because a number that is none equals nothing, not even itself.
        let at = *found.entry(format!("{rest:?}")).or_insert_with(|| {
            rows.push(
                places
                    .iter()
                    .map(|&(i, value)| if value.is_none() { row[i].clone() } else { Value::Null })
                    .collect(),
            );
            rows.len() - 1
        });
        let own = plain(&row[key], "");
        for (cell, &(i, value)) in rows[at].iter_mut().zip(&places) {
            if value == Some(own.as_str()) {
                cell.clone_from(&row[i]);
            }
        }
    }
    let together = values
        .iter()
        .map(|value| cells::label(value, labels))
        .collect::<Vec<_>>()
        .join(" / ");
    let specs = specs
        .iter()
        .flat_map(|spec| {
            let spread = || values.iter().map(|value| of_value(spec, value, labels));
            match spec.for_each {
                None => vec![ColumnSpec {
                    header: spec.header.replace("{}", &together),
                    ..spec.clone()
                }],
                Some(_) if spec.together => spread()
                    .next()
                    .map(|first| ColumnSpec {
                        header: spec.header.replace("{}", &together),
                        beside: spread().skip(1).collect(),
                        ..first
                    })
                    .into_iter()
                    .collect(),
                Some(_) => spread().collect(),
            }
        })
        .collect();
    Ok((Table { columns, rows }, specs))
}

/// The name of a column for one value: `f1` and `f1_sd` become `f1_au12` and `f1_au12_sd`.
fn spread_name(name: &str, main: &str, value: &str) -> String {
    match name.strip_prefix(main) {
        Some(rest) => format!("{main}_{value}{rest}"),
        None => format!("{name}_{value}"),
    }
}

fn of_value(spec: &ColumnSpec, value: &str, labels: &BTreeMap<String, String>) -> ColumnSpec {
    let named = |name: &Option<String>| Some(spread_name(name.as_ref()?, &spec.name, value));
    ColumnSpec {
        name: spread_name(&spec.name, &spec.name, value),
        header: spec.header.replace("{}", &cells::label(value, labels)),
        sd: named(&spec.sd),
        gain: named(&spec.gain),
        to: named(&spec.to),
        for_each: None,
        ..spec.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::value::Kind;

    fn long(rows: &[(&str, Option<&str>, f64)]) -> Table {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            kind,
        };
        Table {
            columns: vec![
                column("method", Kind::Text),
                column("f1", Kind::Float),
                column("f1_sd", Kind::Float),
                column("unit", Kind::Text),
                column("lead", Kind::Float),
            ],
            rows: rows
                .iter()
                .map(|&(method, unit, f1)| {
                    let unit = unit.map_or(Value::Null, |unit| Value::Text(unit.to_owned()));
                    let text = Value::Text(method.to_owned());
                    vec![
                        text,
                        Value::Float(f1),
                        Value::Float(f1 / 10.0),
                        unit,
                        Value::Float(f64::NAN),
                    ]
                })
                .collect(),
        }
    }

    fn specs() -> Vec<ColumnSpec> {
        let text = "a = [{ name = \"method\", header = \"Method\" },
            { name = \"f1\", sd = \"f1_sd\", header = \"F1 of {}\", for_each = \"unit\" },
            { name = \"lead\", header = \"Lead\" }]";
        let mut table: BTreeMap<String, Vec<ColumnSpec>> = toml::from_str(text).unwrap();
        table.remove("a").unwrap()
    }

    #[test]
    fn a_column_for_each_unit_in_order_and_a_row_for_each_method() {
        let table = long(&[
            ("aura", Some("au23"), 0.5),
            ("aura", Some("au10"), 0.4),
            ("knn", Some("au10"), 0.3),
            ("mlp", None, 0.2),
        ]);
        let (table, specs) = widen(table, &specs(), &BTreeMap::new()).unwrap();
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(
            names,
            ["method", "f1_au10", "f1_au10_sd", "f1_au23", "f1_au23_sd", "lead"]
        );
        let f1: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row[1].as_f64(), row[3].as_f64()))
            .collect();
        assert_eq!(f1, [(Some(0.4), Some(0.5)), (Some(0.3), None), (None, None)]);
        let heads: Vec<&str> = specs.iter().map(|spec| spec.header.as_str()).collect();
        assert_eq!(heads, ["Method", "F1 of AU10", "F1 of AU23", "Lead"]);
        assert_eq!(specs[2].sd.as_deref(), Some("f1_au23_sd"));
    }

    #[test]
    fn what_stands_together_is_one_column_of_the_page_and_several_of_the_file() {
        let mut specs = specs();
        specs[0].header = "Method ({})".to_owned();
        specs[1].together = true;
        let rows = [("aura", Some("au23"), 0.5), ("aura", Some("au10"), 0.4)];
        let (table, specs) = widen(long(&rows), &specs, &BTreeMap::new()).unwrap();
        assert_eq!(table.columns.len(), 6);
        let heads: Vec<&str> = specs.iter().map(|spec| spec.header.as_str()).collect();
        assert_eq!(heads, ["Method (AU10 / AU23)", "F1 of AU10 / AU23", "Lead"]);
        let shown = cells::show(&table, &specs[..2], &BTreeMap::new(), 9);
        assert_eq!(shown.rows[0].cells[1].text, "0.4 / 0.5");
    }

    #[test]
    fn a_column_that_is_not_there_is_told() {
        let mut table = long(&[]);
        table.columns[3].name = "other".to_owned();
        let error = widen(table, &specs(), &BTreeMap::new()).unwrap_err();
        assert_eq!(error, "the result has no column `unit`");
    }
}
