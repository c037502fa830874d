//! A TOML text as entries, each with the place it stands at, and what says which version wrote it.

use super::settings::{KEYS, LEARN, find_key};
use crate::error::Error;
use std::fmt;
use toml::Value;
use toml::de::{DeTable, DeValue};

/// Version of the layout of a run directory and of the files in it.
pub const FORMAT: i64 = 2;

/// The section that says how a file came to be; it sets nothing.
pub(super) const ABOUT: &str = "about";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetBy {
    /// A file, with the line and column (from 1) of the value.
    File {
        /// As the person named it.
        file: String,
        /// Line.
        line: usize,
        /// Column, in characters.
        column: usize,
    },
    /// `--set`.
    Set,
    /// A flag such as `--seed`.
    Flag(&'static str),
}

impl fmt::Display for SetBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Set => f.write_str("--set"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// The entries of a TOML text as (`section.key`, value, place of the value or of the unknown key).
pub(super) fn entries(text: &str, name: &str) -> Result<Vec<(String, Value, SetBy)>, Error> {
    let place = |offset: usize| {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        SetBy::File {
            file: name.to_string(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    };
    let malformed = |error: toml::de::Error| {
        let what = error.message().lines().next().unwrap_or("malformed").to_string();
        let at = error.span().map_or(0, |span| span.start);
        Error::input(
            format!("{}: not valid TOML: {what}", place(at)),
            "sections are [name], entries are key = value, text stands in \"quotes\"",
        )
    };
    let spans = DeTable::parse(text).map_err(malformed)?;
    let values: toml::Table = toml::from_str(text).map_err(malformed)?;
    let mut entries = Vec::new();
    for (section, content) in spans.get_ref() {
        let section_name = section.get_ref().as_ref();
        let DeValue::Table(fields) = content.get_ref() else {
            entries.push((section_name.to_string(), values[section_name].clone(), place(section.span().start)));
            continue;
        };
        if section_name == ABOUT {
            check_format(&values[ABOUT], name)?;
            // Runs of earlier versions did not learn from states.
            if !values.contains_key(LEARN) {
                entries.push((format!("{LEARN}.states"), Value::Boolean(false), place(section.span().start)));
            }
            continue;
        }
        for (field, content) in fields {
            let path = format!("{section_name}.{}", field.get_ref());
            let known = find_key(&path).is_some();
            let span = if known { content.span() } else { field.span() };
            entries.push((path, values[section_name][field.get_ref().as_ref()].clone(), place(span.start)));
        }
        if fields.is_empty() && !KEYS.iter().any(|key| key.section() == section_name) {
            entries.push((section_name.to_string(), Value::Boolean(true), place(section.span().start)));
        }
    }
    Ok(entries)
}

fn check_format(about: &Value, name: &str) -> Result<(), Error> {
    match about.get("format").and_then(Value::as_integer) {
        Some(format) if format > FORMAT => Err(Error::input(
            format!("{name} has format {format}, this Kiln knows up to {FORMAT}"),
            "use the newer Kiln that wrote it",
        )),
        _ => Ok(()),
    }
}
