//! Which run a file is of: the hash of all settings that decide what a training becomes, and its seed. Configuration,
//! generator, checkpoint and every line of metrics carry it, so that a file of another run is never taken for one's own.

use crate::config::{About, Config, KEYS, Key, LEARN, settings_table};
use crate::error::Error;
use crate::files::hash;
use kiln_gpu::Checkpoint;
use std::path::Path;

/// What may change while a run goes on: how long it is, how often it is looked at and saved, and the machine.
pub const MAY_CHANGE: [&str; 5] =
    ["train.steps", "train.checkpoint_every", "train.evaluate_every", "run.threads", "run.device"];
/// Hexadecimal digits of the hash that are kept.
const DIGITS: usize = 16;
/// Texts in a file of tensors.
const RUN: &str = "run";
const SEED: &str = "seed";

/// The identity of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Hash of the settings.
    pub settings: String,
    /// The run's seed.
    pub seed: u64,
}

impl Identity {
    /// Of the run with these settings, made as `about` says.
    pub fn of(config: &Config, about: &About) -> Self {
        let table = settings_table(config);
        // Where nothing is learned from states, how it would be decides nothing; runs of earlier versions do not name it.
        let decides = |key: &&Key| config.learn.states || key.section() != LEARN;
        let keys = KEYS.iter().filter(|key| !MAY_CHANGE.contains(&key.name)).filter(decides);
        let settings = keys.map(|key| format!("{} = {}\n", key.name, table[key.section()][key.field()]));
        let text: String = settings.chain([about.told()]).collect();
        Self { settings: hash(text.as_bytes())[..DIGITS].to_string(), seed: config.run.seed }
    }

    /// As texts of a file of tensors.
    pub fn texts(&self) -> [(&'static str, String); 2] {
        [(RUN, self.settings.clone()), (SEED, self.seed.to_string())]
    }

    /// Refuses a file of another run.
    ///
    /// # Errors
    /// Names both.
    pub fn check(&self, file: &Checkpoint, path: &Path) -> Result<(), Error> {
        let [(_, run), (_, seed)] = self.texts();
        let told = |key| file.text(key).unwrap_or("none");
        if (told(RUN), told(SEED)) == (&run, &seed) {
            return Ok(());
        }
        let message = format!(
            "'{}' is of another run: it is of seed {} and settings {}, the run's are {seed} and {run}",
            path.display(),
            told(SEED),
            told(RUN)
        );
        Err(Error::input(message, "put back the file that the run wrote; nothing was changed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets;

    fn identity(change: impl Fn(&mut crate::config::Settings)) -> Identity {
        let mut settings = targets::builtin()[0].settings();
        change(&mut settings);
        Identity::of(&settings.check().unwrap(), &About::training("E"))
    }

    #[test]
    fn what_decides_a_training_is_in_it_and_its_length_is_not() {
        let one = identity(|_| ());
        assert_eq!(one.settings.len(), DIGITS);
        assert_ne!(one, identity(|settings| settings.run.seed = 1));
        assert_ne!(one, identity(|settings| settings.train.batch += 1));
        assert_eq!(one, identity(|settings| settings.learn.cells = 3), "nothing is learned");
        let learned = |cells| identity(|settings| (settings.learn.states, settings.learn.cells) = (true, cells));
        assert!(one != learned(64) && learned(64) != learned(3));
        assert_ne!(one, identity(|settings| settings.run.target = "mw32".into()));
        assert_eq!(one, identity(|settings| (settings.train.steps, settings.run.threads) = (77_000, 3)));
        let config = targets::builtin()[0].settings().check().unwrap();
        assert_ne!(one, Identity::of(&config, &About::training("another energy")));
    }

    #[test]
    fn a_file_of_another_seed_is_named() {
        let [one, two] = [1, 2].map(|seed| identity(|settings| settings.run.seed = seed));
        let mut file = Checkpoint::new();
        assert!(one.check(&file, Path::new("x")).unwrap_err().to_string().contains("seed none"));
        two.texts().into_iter().for_each(|(key, text)| file.insert_text(key, text));
        assert!(two.check(&file, Path::new("x")).is_ok());
        let error = one.check(&file, Path::new("x")).unwrap_err();
        assert!(error.to_string().contains("'x' is of another run: it is of seed 2"), "{error}");
    }
}
