//! The targets that Kiln brings, one record each: the registry that lists, commands, scripts and tests walk.

mod dw4;
mod lennard_jones;
mod many_well;
mod mog40;

use crate::target::{Bar, Relation, Target};

/// All of them, the default one first.
pub fn builtin() -> Vec<Target> {
    vec![
        mog40::target(),
        many_well::mw32(),
        dw4::target(),
        lennard_jones::lj13(),
        lennard_jones::lj13_pairs_once(),
        lennard_jones::lj55(),
    ]
}

/// The one of that name.
pub fn find(name: &str) -> Option<Target> {
    builtin().into_iter().find(|target| target.name() == name)
}

/// The reference samples of that name in `references/`, whose README says how they were made.
#[cfg(feature = "embedded")]
macro_rules! reference {
    ($name:literal) => {
        Some(crate::target::Embedded {
            npy: include_bytes!(concat!("../../../../references/", $name, ".npy")),
            manifest: include_bytes!(concat!("../../../../references/", $name, ".json")),
        })
    };
}
#[cfg(not(feature = "embedded"))]
macro_rules! reference {
    ($name:literal) => {
        None
    };
}
use reference;

/// The trained generator of that name in `pretrained/`.
#[cfg(feature = "embedded")]
macro_rules! pretrained {
    ($name:literal) => {
        Some(&crate::target::Pretrained {
            name: $name,
            generator: include_bytes!(concat!("../../../../pretrained/", $name, "/generator.safetensors")),
            config: include_str!(concat!("../../../../pretrained/", $name, "/config.toml")),
            quality: include_str!(concat!("../../../../pretrained/", $name, "/quality.json")),
        })
    };
}
#[cfg(not(feature = "embedded"))]
macro_rules! pretrained {
    ($name:literal) => {
        None
    };
}
use pretrained;

const fn at_most(figure: &'static str, most: f64) -> Bar {
    Bar { figure, of: Relation::Value, least: None, most: Some(most) }
}

const fn at_least(figure: &'static str, least: f64) -> Bar {
    Bar { figure, of: Relation::Value, least: Some(least), most: None }
}

const fn between(figure: &'static str, least: f64, most: f64) -> Bar {
    Bar { figure, of: Relation::Value, least: Some(least), most: Some(most) }
}

/// Most that a figure may be above its floor.
const fn above_floor(figure: &'static str, most: f64) -> Bar {
    Bar { figure, of: Relation::AboveFloor, least: None, most: Some(most) }
}

/// Most that a figure may be as a multiple of its floor.
const fn over_floor(figure: &'static str, most: f64) -> Bar {
    Bar { figure, of: Relation::OverFloor, least: None, most: Some(most) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::PRESETS;

    #[test]
    fn names_are_words_and_their_own_and_every_preset_can_run() {
        let targets = builtin();
        for (at, target) in targets.iter().enumerate() {
            assert!(targets[..at].iter().all(|other| other.name() != target.name()), "{}", target.name());
            assert_eq!(
                find(target.name()).map(|found| found.convention().to_string()),
                Some(target.convention().into())
            );
            for preset in PRESETS {
                let config = target.preset(preset).unwrap().check().unwrap();
                assert_eq!((config.run.target.as_str(), config.run.preset.as_str()), (target.name(), preset));
                assert!(config.generator.latent >= target.dim());
            }
            assert!(target.pretrained().is_none_or(|pretrained| pretrained.name == target.name()));
            for bar in target.bars() {
                assert!(bar.least.unwrap_or(f64::NEG_INFINITY) <= bar.most.unwrap_or(f64::INFINITY), "{bar:?}");
            }
        }
        assert!(find("nothing").is_none());
        assert!(targets[0].preset("nobody's").is_none());
    }
}
