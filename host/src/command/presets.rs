//! `kiln presets`: the recipes side by side, or one as TOML.

use super::find_target;
use crate::cli::Presets;
use crate::console::print;
use kiln::config::{KEYS, settings_text};
use kiln::error::{Error, nearest};
use kiln::preset::PRESETS;
use kiln::targets::builtin;
use std::fmt::Write as _;

/// Prints the table, or one preset.
pub fn run(arguments: &Presets) -> Result<(), Error> {
    let Some(name) = &arguments.target else { return print(&table()) };
    let target = find_target(name, "")?;
    let preset = arguments.preset.as_str();
    let Some(settings) = target.preset(preset) else {
        let hint = nearest(preset, PRESETS)
            .map_or(format!("there are {}", PRESETS.join(" and ")), |near| format!("did you mean '{near}'?"));
        return Err(Error::input(format!("unknown preset '{preset}'"), hint));
    };
    print(&format!(
        "# Preset {preset} of {}. Give it to `kiln train --config`.\n{}",
        target.title(),
        settings_text(&settings)
    ))
}

fn table() -> String {
    let targets = builtin();
    let columns: Vec<(String, toml::Table)> = targets
        .iter()
        .flat_map(|target| PRESETS.map(|preset| (target, preset)))
        .filter_map(|(target, preset)| {
            let values = toml::Table::try_from(target.preset(preset)?).unwrap_or_default();
            Some((format!("{} {preset}", target.name()), values))
        })
        .collect();
    let cell = |values: &toml::Table, section: &str, field: &str| -> String {
        let value = values.get(section).and_then(|section| section.get(field));
        value.map(|value| value.as_str().map_or_else(|| value.to_string(), String::from)).unwrap_or_default()
    };
    let mut text = format!("{:<28}", "key");
    for (title, _) in &columns {
        let _ = write!(text, " {title:>16}");
    }
    let mut section = "";
    for key in KEYS.iter().filter(|key| !matches!(key.name, "run.target" | "run.preset")) {
        if key.section() != section {
            section = key.section();
            let _ = writeln!(text);
        }
        let _ = write!(text, "\n{:<28}", key.name);
        for (_, values) in &columns {
            let _ = write!(text, " {:>16}", cell(values, key.section(), key.field()));
        }
    }
    text + "\n"
}
