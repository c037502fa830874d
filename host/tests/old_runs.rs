//! Runs of earlier builds open as they were, or are refused with what to do: a corpus of them lies in `old_runs/`.

mod common;

use common::{done, judged, refused};
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old_runs")
}

#[test]
fn settings_of_format_1_are_refused_with_what_to_do() {
    let again = "train the same again with `kiln train --config run/config.toml`";
    let anew = "use the Kiln that made it; its settings have other keys than today's, so train anew";
    for (name, hint) in [("all-particles", anew), ("no-networks", anew), ("no-checksum", again)] {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("run")).unwrap();
        fs::copy(corpus().join(name).with_extension("toml"), place.path().join("run/config.toml")).unwrap();
        for command in [&["sample", "run", "-n", "5", "-o", "x.csv"][..], &["train", "--resume", "run"]] {
            refused(place.path(), command, "has format 1: the run is of an older Kiln", hint);
        }
    }
}

#[test]
fn a_run_of_format_2_draws_what_it_drew_and_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    fs::create_dir(&run).unwrap();
    for entry in fs::read_dir(corpus().join("format-2")).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), run.join(entry.file_name())).unwrap();
    }
    done(place.path(), &["sample", "run", "-n", "3", "-o", "x.csv"]);
    let drawn = fs::read_to_string(place.path().join("x.csv")).unwrap();
    assert_eq!(drawn, "x0,x1\n-19.579662,-16.380596\n22.968569,10.051807\n-2.0738854,9.182989\n");

    judged(place.path(), &["train", "--resume", "run", "--set", "train.steps=6"]);
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(metrics.contains("\"step\":6"), "{metrics}");
}
