//! Configurations as TOML text: reading with line and column, writing with a comment on every key.

use super::layer::{Layers, Origin};
use super::{Config, KEYS, Settings};
use crate::error::Error;
use std::fmt::Write as _;
use toml::Value;
use toml::de::{DeTable, DeValue};

/// Version of the layout of a run directory and of the files in it.
pub const FORMAT: i64 = 1;

/// The section that says how a file came to be; it sets nothing.
const ABOUT: &str = "about";

/// The configuration as the `config.toml` of a run: versions and the target's convention, then every key.
/// [`from_run_text`] reads back the same configuration.
pub fn run_text(config: &Config, convention: &str) -> String {
    let mut text = String::from(
        "# A run of Kiln: every setting, resolved. Train the same again with\n#   kiln train --config THIS_FILE\n\n",
    );
    let _ = writeln!(text, "[{ABOUT}]");
    let _ = writeln!(text, "kiln = {}", Value::from(env!("CARGO_PKG_VERSION")));
    let _ = writeln!(text, "format = {FORMAT}");
    let _ = writeln!(text, "convention = {}", Value::from(convention));
    text + &settings_text(config)
}

/// Every section and key with its meaning.
pub fn settings_text(settings: &Settings) -> String {
    let table = toml::Table::try_from(settings).unwrap_or_default();
    let (mut text, mut section) = (String::new(), "");
    for key in KEYS {
        let Some(value) = table.get(key.section()).and_then(|section| section.get(key.field())) else { continue };
        if key.section() != section {
            section = key.section();
            let _ = writeln!(text, "\n[{section}]");
        }
        let assignment = format!("{} = {value}", key.field());
        let _ = writeln!(text, "{assignment:<32} # {}", key.help);
    }
    text
}

/// Reads a whole configuration as [`run_text`] writes it; `name` stands for it in errors.
pub fn from_run_text(text: &str, name: &str) -> Result<Config, Error> {
    let mut layers = Layers::new();
    layers.text(text, name)?;
    let whole = || {
        Error::input(
            format!("{name}: a key of the configuration is missing"),
            "the file was changed; train the run anew",
        )
    };
    let settings = text.parse::<toml::Table>().map_err(|_| whole()).and_then(|mut table| {
        table.remove(ABOUT);
        table.try_into::<Settings>().map_err(|_| whole())
    })?;
    layers.resolve(settings)
}

/// The entries of a TOML text as (`section.key`, value, place of the value or of the unknown key).
pub(super) fn entries(text: &str, name: &str) -> Result<Vec<(String, Value, Origin)>, Error> {
    let place = |offset: usize| {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Origin::File {
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
            continue;
        }
        for (field, content) in fields {
            let path = format!("{section_name}.{}", field.get_ref());
            let known = super::find_key(&path).is_some();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset;

    #[test]
    fn every_preset_reads_back_as_itself() {
        for target in ["mog40", "mw32", "something-else"] {
            for preset in ["kiln", "paper"] {
                let config = preset::settings(target, preset, 5).check().unwrap();
                let text = run_text(&config, "E = a \"quoted\" \\ sum\nover lines");
                assert_eq!(from_run_text(&text, "config.toml").unwrap(), config);
                assert_eq!(run_text(&from_run_text(&text, "x").unwrap(), "c"), run_text(&config, "c"));
            }
        }
    }

    #[test]
    fn the_table_of_keys_is_the_settings() {
        let table = toml::Table::try_from(preset::settings("mog40", "kiln", 2)).unwrap();
        let mut fields: Vec<String> = Vec::new();
        for (section, content) in &table {
            fields.extend(content.as_table().unwrap().keys().map(|field| format!("{section}.{field}")));
        }
        let mut keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        fields.sort();
        keys.sort_unstable();
        assert_eq!(fields, keys);
    }

    #[test]
    fn every_choice_is_a_variant() {
        for key in KEYS {
            let super::super::Domain::Choice(words) = key.domain else { continue };
            for word in words {
                let mut layers = Layers::new();
                layers.set(&format!("{}={word}", key.name)).unwrap();
                layers.resolve(preset::settings("mog40", "kiln", 2)).unwrap();
            }
        }
    }

    #[test]
    fn a_newer_format_and_a_missing_key_are_refused() {
        let config = preset::settings("mog40", "kiln", 2).check().unwrap();
        let text = run_text(&config, "c");
        let newer = text.replace("format = 1", "format = 2");
        assert!(from_run_text(&newer, "c.toml").unwrap_err().to_string().contains("format 2"));
        let missing: String =
            text.lines().filter(|line| !line.starts_with("batch")).map(|line| format!("{line}\n")).collect();
        assert!(from_run_text(&missing, "c.toml").unwrap_err().to_string().contains("missing"));
        assert!(Layers::new().text("[trian]", "c.toml").unwrap_err().to_string().contains("trian"));
    }
}
