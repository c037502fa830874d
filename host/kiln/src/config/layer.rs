//! Layers of assignments on top of a preset: files, `--set`, flags. Each assignment is checked as it is read,
//! so that the error can point at where the value came from.

use super::checked::Config;
use super::domain::Domain;
use super::entries::{SetBy, entries};
use super::key::Key;
use super::settings::{KEYS, Settings, find_key};
use crate::error::{Error, nearest};
use std::path::Path;
use toml::Value;

#[derive(Debug, Clone)]
struct Assignment {
    key: &'static Key,
    value: Value,
    origin: SetBy,
}

/// Assignments in the order in which they were made; later ones win.
#[derive(Debug, Clone, Default)]
pub struct Layers(Vec<Assignment>);

impl Layers {
    /// No assignment yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what a TOML file says.
    pub fn file(&mut self, path: &Path) -> Result<(), Error> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => Error::input(
                format!("'{}' is not a text file", path.display()),
                "--config wants a TOML file; `kiln presets` prints one",
            ),
            _ => Error::file("read", path, error),
        })?;
        self.text(&text, &path.display().to_string())
    }

    /// Adds what TOML text says; `name` stands for it in errors.
    pub fn text(&mut self, text: &str, name: &str) -> Result<(), Error> {
        for (path, value, origin) in entries(text, name)? {
            self.assign(&path, value, origin)?;
        }
        Ok(())
    }

    /// Adds `key=value` as given to `--set`. Text needs no quotes.
    pub fn set(&mut self, assignment: &str) -> Result<(), Error> {
        let Some((key, raw)) = assignment.split_once('=') else {
            let message = format!("--set: '{assignment}' has no '='");
            return Err(Error::input(
                message,
                "write it as --set section.key=value, for example --set train.batch=512",
            ));
        };
        let (key, raw) = (key.trim(), raw.trim());
        let parsed = format!("x = {raw}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("x"));
        let wants_text = find_key(key).is_some_and(|key| key.domain.is_text());
        let value = match parsed {
            Some(value) if value.is_str() || !wants_text => value,
            _ => Value::from(raw),
        };
        self.assign(key, value, SetBy::Set)
    }

    /// Adds what a flag says.
    pub fn flag(&mut self, key: &str, value: impl Into<Value>, flag: &'static str) -> Result<(), Error> {
        self.assign(key, value.into(), SetBy::Flag(flag))
    }

    /// The text assigned to a key, if any, and where.
    pub fn get(&self, key: &str) -> Option<(&str, &SetBy)> {
        self.last(key).and_then(|a| a.value.as_str().map(|text| (text, &a.origin)))
    }

    /// Applies the assignments to a preset and checks the whole.
    pub fn resolve(&self, preset: Settings) -> Result<Config, Error> {
        let mut table = toml::Table::try_from(&preset).map_err(|error| {
            Error::input(format!("the preset cannot be written down: {error}"), "this is a defect of Kiln")
        })?;
        for key in KEYS {
            let section = table.get_mut(key.section()).and_then(Value::as_table_mut);
            let Some(slot) = section.and_then(|section| section.get_mut(key.field())) else { continue };
            let assigned = self.last(key.name).map(|assignment| assignment.value.clone());
            let value = assigned.unwrap_or_else(|| slot.clone());
            *slot = key.domain.accept(&value).ok_or_else(|| out_of_range(key, &value, None))?;
            if let Some(lost) = key.domain.lost(slot) {
                let place = self.last(key.name).map(|a| format!("{}: ", a.origin)).unwrap_or_default();
                let value = slot.as_float().unwrap_or(f64::NAN);
                return Err(Error::input(
                    format!("{place}{} is {value:e}, {lost}", key.name),
                    format!("{}: {}", key.name, key.help),
                ));
            }
        }
        let settings: Settings = table.try_into().map_err(|error| {
            Error::input(format!("the settings do not fit together: {error}"), "this is a defect of Kiln")
        })?;
        Config::of_ranged(settings, |key| self.last(key).map(|a| format!("{}: ", a.origin)).unwrap_or_default())
    }

    fn last(&self, key: &str) -> Option<&Assignment> {
        self.0.iter().rev().find(|assignment| assignment.key.name == key)
    }

    fn assign(&mut self, name: &str, value: Value, origin: SetBy) -> Result<(), Error> {
        let key = find_key(name).ok_or_else(|| unknown(name, &origin))?;
        let value = key.domain.accept(&value).ok_or_else(|| out_of_range(key, &value, Some(&origin)))?;
        self.0.push(Assignment { key, value, origin });
        Ok(())
    }
}

impl Settings {
    /// Checks every value and how they fit together.
    ///
    /// # Errors
    /// Names the key, its value and its range, or the two values that do not fit.
    pub fn check(self) -> Result<Config, Error> {
        Layers::new().resolve(self)
    }
}

fn unknown(name: &str, origin: &SetBy) -> Error {
    let field = name.rsplit('.').next().unwrap_or(name);
    let same_field = KEYS.iter().find(|key| key.field() == field).map(|key| key.name);
    let hint = match same_field.or_else(|| nearest(name, KEYS.iter().map(|key| key.name))) {
        Some(near) => format!("did you mean '{near}'?"),
        None => nearest(field, KEYS.iter().map(|key| key.field()))
            .and_then(|near| KEYS.iter().find(|key| key.field() == near))
            .map_or("`kiln presets` lists all keys".into(), |key| format!("did you mean '{}'?", key.name)),
    };
    Error::input(format!("{origin}: unknown key '{name}'"), hint)
}

fn out_of_range(key: &Key, value: &Value, origin: Option<&SetBy>) -> Error {
    let place = origin.map(|origin| format!("{origin}: ")).unwrap_or_default();
    let shown: String = match value {
        Value::String(text) => format!("\"{text}\""),
        Value::Table(_) => "a table".into(),
        other => other.to_string(),
    };
    let message = format!("{place}{} is {shown}, but must be {}", key.name, key.domain.describe());
    let guess = match (key.domain, value.as_str()) {
        (Domain::Choice(words), Some(word)) => nearest(word, words.iter().copied()),
        _ => None,
    };
    Error::input(
        message,
        guess.map_or_else(|| format!("{}: {}", key.name, key.help), |near| format!("did you mean \"{near}\"?")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets;

    fn resolve(layers: &Layers) -> Result<Config, Error> {
        layers.resolve(targets::builtin()[0].settings())
    }

    #[test]
    fn later_layers_win() {
        let mut layers = Layers::new();
        layers.text("[train]\nbatch = 64\ninner = 7\n[run]\nseed = 1", "a.toml").unwrap();
        layers.set("train.batch=128").unwrap();
        layers.flag("run.seed", 9, "--seed").unwrap();
        let config = resolve(&layers).unwrap();
        assert_eq!((config.train.batch, config.train.inner, config.run.seed), (128, 7, 9));
    }

    #[test]
    fn the_configuration_of_a_run_that_could_not_learn_from_states_does_not() {
        let resolved = |text: &str| {
            let mut layers = Layers::new();
            layers.text(text, "run/config.toml").unwrap();
            layers.resolve(targets::builtin()[0].preset("kiln").unwrap()).unwrap().learn.clone()
        };
        let old = "[about]\nkiln = \"0.1.0\"\nformat = 2\n[run]\nseed = 1\n";
        assert!(!resolved(old).states);
        assert!(resolved(&format!("{old}[learn]\ncells = 4\n")).states, "it could");
        assert!(resolved("[run]\nseed = 1\n").states, "one's own");
    }

    #[test]
    fn text_needs_no_quotes_in_set() {
        let mut layers = Layers::new();
        for set in ["train.weight=1", "train.decay = none", "posterior.transition=\"mala\"", "noise.v_max=70"] {
            layers.set(set).unwrap();
        }
        let config = resolve(&layers).unwrap();
        assert_eq!(config.train.weight, crate::config::Weight::One);
        assert_eq!(config.posterior.transition, crate::config::Transition::Mala);
        assert_eq!(config.noise.v_max, 70.0);
    }

    #[test]
    fn errors_name_place_key_value_and_range() {
        let mut layers = Layers::new();
        let error = layers.text("[train]\nbatch = 64\n  inner = -7\n", "my.toml").unwrap_err();
        assert_eq!(error.to_string(), "my.toml:3:11: train.inner is -7, but must be a whole number from 1 to 10000");
        let error = layers.text("[train]\n# é\nbach = 64", "my.toml").unwrap_err();
        assert_eq!(error.to_string(), "my.toml:3:1: unknown key 'train.bach'");
        assert_eq!(error.hint(), "did you mean 'train.batch'?");
        let error = layers.text("[train]\nbatch = = 64", "my.toml").unwrap_err();
        assert!(error.to_string().starts_with("my.toml:2:9: "), "{error}");
        let error = layers.set("batch=3").unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.hint()),
            ("--set: unknown key 'batch'", "did you mean 'train.batch'?")
        );
        for bad in [
            "train.clip=nan",
            "train.clip=0",
            "train.clip=-1",
            "train.clip=inf",
            "train.batch=0",
            "train.batch=1.5",
            "run.seed=-1",
        ] {
            assert!(layers.set(bad).is_err(), "{bad}");
        }
        assert_eq!(layers.set("train.decay=cosin").unwrap_err().hint(), "did you mean \"cosine\"?");
    }

    #[test]
    fn values_must_fit_together() {
        for bad in ["noise.v_min=1e5", "posterior.keep=999999", "noise.beta_start=0.99", "train.warmup=1000000"] {
            let mut layers = Layers::new();
            layers.set(bad).unwrap();
            let message = resolve(&layers).unwrap_err().to_string();
            assert!(message.starts_with("--set: ") && message.contains(bad.split('=').next().unwrap()), "{message}");
        }
    }

    #[test]
    fn a_raw_preset_with_a_bad_value_cannot_run() {
        let mut settings = targets::builtin()[0].settings();
        settings.train.clip = f64::NAN;
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "train.clip is nan, but must be a number above 0, at most 1000000000000"
        );
    }
}
