//! The trained generators that come with Kiln, inside the library (feature `embedded`): `kiln sample lj13 -n 10000 -o lj13.npy` works right
//! after a build. `pretrained/README.md` says which command made each; its measured quality lies beside it.

use crate::error::Error;
use kiln_gpu::Checkpoint;

/// A trained generator.
#[derive(Debug, PartialEq, Eq)]
pub struct Pretrained {
    /// Its name, that of its target.
    pub name: &'static str,
    /// Its generator file.
    pub generator: &'static [u8],
    /// The settings it was trained with.
    pub config: &'static str,
    /// What `kiln evaluate --json` said of it.
    pub quality: &'static str,
}

#[cfg(feature = "embedded")]
macro_rules! pretrained {
    ($($name:literal),*) => {
        &[$(Pretrained {
            name: $name,
            generator: include_bytes!(concat!("../../../pretrained/", $name, "/generator.safetensors")),
            config: include_str!(concat!("../../../pretrained/", $name, "/config.toml")),
            quality: include_str!(concat!("../../../pretrained/", $name, "/quality.json")),
        }),*]
    };
}

impl Pretrained {
    /// Its generator file, opened.
    ///
    /// # Errors
    /// Never for what comes with Kiln.
    pub fn file(&self) -> Result<Checkpoint, Error> {
        Checkpoint::from_bytes(self.generator)
            .map_err(|error| Error::input(format!("'{}' is damaged: {error}", self.name), "build Kiln anew"))
    }
}

/// All of them.
#[cfg(feature = "embedded")]
pub const PRETRAINED: &[Pretrained] = pretrained!["mog40", "mw32", "dw4", "lj13"];
/// None: feature `embedded` is off.
#[cfg(not(feature = "embedded"))]
pub const PRETRAINED: &[Pretrained] = &[];

/// The one of that name.
pub fn find(name: &str) -> Option<&'static Pretrained> {
    PRETRAINED.iter().find(|pretrained| pretrained.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_run_text;
    use crate::sample::Sampler;
    use crate::targets::builtin;

    #[test]
    fn every_one_draws_samples_of_its_target_and_says_how_good_they_are() {
        for pretrained in PRETRAINED {
            let config = from_run_text(pretrained.config, pretrained.name).unwrap();
            assert_eq!(config.run.target, pretrained.name);
            let target = builtin().into_iter().find(|target| target.name() == pretrained.name).unwrap();
            let samples = Sampler::of(pretrained.file().unwrap(), pretrained.name).unwrap().rows(0, 0, 2000).unwrap();
            assert_eq!(samples.dim, target.dim());
            assert!(samples.data.iter().all(|x| x.is_finite()), "{}", pretrained.name);
            let quality: serde_json::Value = serde_json::from_str(pretrained.quality).unwrap();
            assert_eq!(quality["target"], target.title());
            assert!(quality["rows"].as_array().is_some_and(|rows| rows.len() > 5));
            assert!(pretrained.generator.len() < 10 << 20);
        }
    }
}
