//! The trained generators that come with Kiln, inside the library (feature `embedded`): `kiln sample lj13 -n 10000 -o lj13.npy` works right
//! after a build. `pretrained/README.md` says which command made each; its measured quality lies beside it.

use crate::error::Error;
pub use crate::target::Pretrained;
use crate::target::Target;
use crate::targets::{self, builtin};
use kiln_gpu::Checkpoint;

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

/// All of them, in the order of the targets.
pub fn all() -> Vec<&'static Pretrained> {
    builtin().iter().filter_map(Target::pretrained).collect()
}

/// The one of that name.
pub fn find(name: &str) -> Option<&'static Pretrained> {
    targets::find(name)?.pretrained()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_run_text;
    use crate::sample::Sampler;

    #[test]
    fn every_one_draws_samples_of_its_target_and_says_how_good_they_are() {
        for pretrained in all() {
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
