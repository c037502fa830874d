//! Commands on the run of an energy that is not one of `kiln targets`: what needs none works, the rest says how to go on.

mod common;

use common::{done, refused};
use kiln::fit::{Options, fit};
use kiln::target::Target;
use kiln_core::energy::ManyWell;
use std::path::Path;

fn run(place: &Path) {
    let target = Target::new("my-wells", ManyWell::<4>).described("My wells", "two wells", "E = two wells of my own");
    let mut settings = target.settings();
    (settings.train.steps, settings.train.batch, settings.train.warmup, settings.train.pretrain) = (3, 16, 0, 0);
    (settings.generator.hidden, settings.score.hidden, settings.posterior.chain, settings.posterior.keep) =
        (8, 8, 2, 1);
    fit(&target, settings, Some(&place.join("run")), &Options::default()).unwrap();
}

#[test]
fn samples_and_models_need_no_energy_and_the_rest_says_who_has_it() {
    let place = tempfile::tempdir().unwrap();
    run(place.path());
    done(place.path(), &["sample", "run", "-n", "50", "-o", "x.csv"]);
    assert_eq!(std::fs::read_to_string(place.path().join("x.csv")).unwrap().lines().count(), 51);
    done(place.path(), &["export", "run", "-o", "x.kiln", "--no-quality"]);
    done(place.path(), &["sample", "x.kiln", "-n", "5", "-o", "y.csv"]);

    for command in [
        &["evaluate", "run"][..],
        &["distill", "run", "--hidden", "4", "--out", "student"],
        &["train", "--resume", "run"],
        &["export", "run", "-o", "z.kiln"],
    ] {
        let sentence = "is of my-wells, an energy that is not one of `kiln targets`";
        refused(place.path(), command, sentence, "its own program can, by the library kiln");
    }
    for flag in [&["--polish", "3"][..], &["--gate", "0"]] {
        let command = [&["sample", "run", "-n", "5", "-o", "z.csv"], flag].concat();
        refused(place.path(), &command, &format!("{} needs the energy of my-wells", flag[0]), "leave --");
    }
    assert!(!place.path().join("z.csv").exists() && !place.path().join("z.kiln").exists());
}
