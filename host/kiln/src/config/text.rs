//! Configurations as TOML text: reading with line and column, writing with a comment on every key.

use super::checked::Config;
use super::entries::{ABOUT, FORMAT};
use super::layer::Layers;
use super::settings::{KEYS, LEARN, Learn, Settings};
use crate::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use toml::Value;

/// Its key that holds the checksum of all other lines.
const CHECKSUM: &str = "checksum";

/// How a run came to be, beside its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The target's energy with all constants.
    pub convention: String,
    /// Of a student: who taught it, and how.
    pub student: Option<[String; 2]>,
    /// The file that the energy comes from, where it is none of Kiln's own.
    pub energy: Option<String>,
    /// The exploration that it began with, see [`crate::pool::Pool::fingerprint`].
    pub explored: Option<String>,
}

impl About {
    /// A training on this energy.
    pub fn training(convention: &str) -> Self {
        Self { convention: convention.into(), student: None, energy: None, explored: None }
    }

    /// The same, with the file that the energy comes from.
    #[must_use]
    pub fn from_file(self, file: Option<&Path>) -> Self {
        Self { energy: file.map(|file| file.display().to_string()), ..self }
    }

    /// The same, with the exploration that it began with.
    #[must_use]
    pub fn from_exploration(self, explored: Option<String>) -> Self {
        Self { explored, ..self }
    }

    /// As TOML, line by line.
    pub fn told(&self) -> String {
        let line = |key: &str, text: &str| format!("{key} = {}\n", Value::from(text));
        let student =
            self.student.iter().flat_map(|[from, by]| [line("distilled_from", from), line("distilled_by", by)]);
        let energy = self.energy.iter().map(|file| line("energy", file));
        let explored = self.explored.iter().map(|pool| line("explored", pool));
        student.chain(energy).chain(explored).fold(line("convention", &self.convention), |text, line| text + &line)
    }

    fn read(table: &toml::Table) -> Option<Self> {
        let text = |key| table.get(key).and_then(Value::as_str).map(String::from);
        let student = text("distilled_from").zip(text("distilled_by")).map(|(from, by)| [from, by]);
        Some(Self { convention: text("convention")?, student, energy: text("energy"), explored: text("explored") })
    }
}

/// The configuration as the `config.toml` of a run: how it came to be, a checksum, then every key. [`read_run_text`] reads
/// back the same.
pub fn run_text(config: &Config, about: &About) -> String {
    let head = match about.student {
        None => {
            "# A run of Kiln: every setting, resolved. Train the same again with\n#   kiln train --config THIS_FILE\n"
        }
        Some(_) => {
            "# A student made by `kiln distill`: target, seed and generator are its own, all else is what its teacher was\n\
             # trained with.\n"
        }
    };
    let version = Value::from(env!("CARGO_PKG_VERSION"));
    let before = format!("{head}\n[{ABOUT}]\nkiln = {version}\nformat = {FORMAT}\n{}", about.told());
    let after = settings_text(config);
    let checksum = kiln_gpu::checksum([before.as_bytes(), after.as_bytes()]);
    format!("{before}{CHECKSUM} = \"{checksum}\"\n{after}")
}

/// Reads the `config.toml` of a run; `name` stands for it in errors.
///
/// # Errors
/// If it was changed, or written by a Kiln whose runs this one does not open.
pub fn read_run_text(text: &str, name: &str) -> Result<(Config, About), Error> {
    let config = from_run_text(text, name);
    let about = text.parse::<toml::Table>().ok().and_then(|mut table| table.remove(ABOUT));
    let about = about.as_ref().and_then(Value::as_table);
    // The keys of older formats differ: before a key is complained of, it is told which Kiln wrote it.
    match about.and_then(|about| about.get("format")).and_then(Value::as_integer) {
        Some(format) if format < FORMAT => return Err(older(&format!("format {format}"), name, config.is_ok())),
        None if config.is_ok() => return Err(older("no format", name, true)),
        _ => {}
    }
    let config = config?;
    let line = text.split_inclusive('\n').find(|line| line.starts_with(CHECKSUM));
    let whole = line.and_then(|line| {
        let (before, after) = text.split_once(line)?;
        let right = kiln_gpu::checksum([before.as_bytes(), after.as_bytes()]);
        (line == format!("{CHECKSUM} = \"{right}\"\n")).then_some(())
    });
    match (whole, about.and_then(About::read)) {
        (Some(()), Some(about)) => Ok((config, about)),
        _ => Err(Error::input(
            format!("{name} was changed after the run wrote it: its checksum is wrong"),
            "undo the change; to train longer give `--resume DIR --set train.steps=N`, for other settings start a new run",
        )),
    }
}

/// The run is of an older Kiln; `readable` where its settings have today's keys.
fn older(format: &str, name: &str, readable: bool) -> Error {
    let hint = match readable {
        true => format!("train the same again with `kiln train --config {name}`, or use the Kiln that made it"),
        false => "use the Kiln that made it; its settings have other keys than today's, so train anew".into(),
    };
    let message =
        format!("{name} has {format}: the run is of an older Kiln, whose files cannot be told from damaged ones");
    Error::input(message, hint)
}

/// Every section and key with its meaning.
pub fn settings_text(settings: &Settings) -> String {
    let table = settings_table(settings);
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

/// Every setting, by section and field.
pub fn settings_table(settings: &Settings) -> toml::Table {
    toml::Table::try_from(settings).unwrap_or_default()
}

/// Reads a whole configuration, of a run or as [`settings_text`] writes it, whoever has changed it since; `name` stands for it
/// in errors.
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
        // Runs of earlier versions did not learn from states.
        table.entry(LEARN).or_insert_with(|| Value::try_from(Learn::OFF).unwrap_or(Value::Boolean(false)));
        table.try_into::<Settings>().map_err(|_| whole())
    })?;
    layers.resolve(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets;

    #[test]
    fn every_preset_reads_back_as_itself() {
        let training = About::training("E = a \"quoted\" \\ sum\nover lines");
        let student = About { student: Some(["a teacher".into(), "20 steps".into()]), ..training.clone() };
        for target in targets::builtin() {
            for preset in crate::preset::PRESETS {
                let config = target.preset(preset).unwrap().check().unwrap();
                for about in [&training, &student] {
                    let text = run_text(&config, about);
                    assert_eq!(from_run_text(&text, "config.toml").unwrap(), config);
                    assert_eq!(read_run_text(&text, "config.toml").unwrap(), (config.clone(), about.clone()));
                }
            }
        }
    }

    #[test]
    fn a_changed_configuration_is_not_that_of_the_run() {
        let config = targets::builtin()[0].settings().check().unwrap();
        let text = run_text(&config, &About::training("E"));
        let refused = |text: &str| read_run_text(text, "c.toml").unwrap_err().to_string();
        for (old, new) in [
            ("seed = 0 ", "seed = 1 "),
            ("steps = 20000", "steps = 20001"),
            ("# width", "# Width"),
            ("checksum = \"", "checksum = \"0"),
            ("checksum", "check"),
            ("convention = \"E\"", "convention = \"F\""),
        ] {
            assert!(text.contains(old), "{old}");
            assert!(refused(&text.replacen(old, new, 1)).contains("was changed after the run wrote it"), "{old}");
        }
        assert!(refused(&text.replace("format = 2", "format = 1")).contains("of an older Kiln"));
        assert!(refused(&settings_text(&config)).contains("has no format"));
    }

    #[test]
    fn the_table_of_keys_is_the_settings() {
        let table = toml::Table::try_from(targets::builtin()[0].settings()).unwrap();
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
                layers.resolve(targets::builtin()[0].settings()).unwrap();
            }
        }
    }

    #[test]
    fn a_newer_format_and_a_missing_key_are_refused() {
        let config = targets::builtin()[0].settings().check().unwrap();
        let text = run_text(&config, &About::training("c"));
        let newer = text.replace("format = 2", "format = 3");
        assert!(from_run_text(&newer, "c.toml").unwrap_err().to_string().contains("format 3"));
        let missing: String =
            text.lines().filter(|line| !line.starts_with("batch")).map(|line| format!("{line}\n")).collect();
        assert!(from_run_text(&missing, "c.toml").unwrap_err().to_string().contains("missing"));
        assert!(Layers::new().text("[trian]", "c.toml").unwrap_err().to_string().contains("trian"));
    }
}
