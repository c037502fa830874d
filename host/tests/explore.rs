//! A formula file as a target: looked at, explored, drawn from, judged, trained on.

mod common;

use common::{done, judged, kiln, refused};
use std::fs;
use std::path::Path;

/// Two modes on a line, ten apart, of masses 0.3 and 0.7, and a bounded coordinate of law Exp(1).
const MINE: &str = r#"
name = "mine"
energy = "-log(0.3*exp(-(a + 5)^2/2) + 0.7*exp(-(a - 5)^2/2)) + rate"

[parts]
a = 1
rate = 1

[bounds]
rate = [0, inf]
"#;

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("mine.toml"), MINE).unwrap();
    place
}

fn column(place: &Path, file: &str, at: usize) -> Vec<f64> {
    let text = fs::read_to_string(place.join(file)).unwrap();
    let cell = |line: &str| line.split(',').nth(at).unwrap().parse().unwrap();
    text.lines().skip(1).map(cell).collect()
}

#[test]
fn a_formula_is_explored_drawn_from_and_judged() {
    let place = place();
    let place = place.path();
    let [told, _] = done(place, &["formula", "mine.toml", "--at", "1,2"]);
    assert!(told.contains("rate") && told.contains("by differences"), "{told}");
    let [table, said] = done(place, &["explore", "mine.toml", "--evaluations", "3e5", "-o", "found"]);
    assert!(table.contains("rate") && table.contains("cell 2") && table.contains("R-hat"), "{table}");
    // log of √(2π) is 0.919.
    assert!(said.contains("log Z 0.9"), "{said}");
    for file in ["pool.npy", "energies.npy", "exploration.json", "samples.png"] {
        assert!(place.join("found").join(file).is_file(), "{file}");
    }
    let facts = fs::read_to_string(place.join("found/exploration.json")).unwrap();
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    assert!(facts["evaluations"].as_u64().unwrap() <= 300_000);
    assert_eq!(facts["reasons"].as_array().unwrap().len(), 0, "{facts}");

    done(place, &["sample", "found", "-n", "2000", "-o", "x.csv"]);
    let (a, rate) = (column(place, "x.csv", 0), column(place, "x.csv", 1));
    let right = a.iter().filter(|a| **a > 0.0).count() as f64 / 2000.0;
    assert!((right - 0.7).abs() < 0.06, "{right}");
    assert!(rate.iter().all(|rate| *rate > 0.0), "the bound holds in every state");
    let mean = rate.iter().sum::<f64>() / 2000.0;
    assert!((mean - 1.0).abs() < 0.1, "{mean}");
    // The same seed hands out the same states, and fewer are the first of more.
    done(place, &["sample", "found", "-n", "10", "-o", "y.csv"]);
    assert_eq!(column(place, "y.csv", 0), a[..10]);

    done(place, &["evaluate", "found"]);
    let [told, _] = done(place, &["evaluate", "x.csv", "--target", "mine.toml", "--reference", "found"]);
    assert!(told.contains("\nverdict: ") && !told.contains("verdict: fails"), "{told}");
    assert!(told.contains("\nparameter ") && told.contains("\nrate ") && told.contains("\n  reference "), "{told}");
    let order =
        ["evaluate", "x.csv", "--target", "mine.toml", "--reference", "found", "--report", "page.html", "--json"];
    let [told, _] = done(place, &order);
    let report: serde_json::Value = serde_json::from_str(&told).unwrap();
    let [mine, known] = ["samples", "reference"].map(|of| report["parameters"][1][of]["mean"].as_f64().unwrap());
    assert!(report["parameters"][1]["name"] == "rate" && (mine - known).abs() < 0.1, "{report}");
    let cells = report["verdict"]["cells"].as_array().unwrap();
    assert!((cells.iter().map(|cell| cell["draws"].as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 1e-9, "{report}");
    let page = fs::read_to_string(place.join("page.html")).unwrap();
    for part in
        [">rate</text>", "<th scope=\"row\">rate</th>", "Masses of cells. 1: ", "Verdict: ", "samples of each pair"]
    {
        assert!(page.contains(part), "{part}");
    }
    // One mode of the two.
    let one: Vec<String> = a.iter().zip(&rate).filter(|(a, _)| **a > 0.0).map(|(a, r)| format!("{a},{r}")).collect();
    fs::write(place.join("one.csv"), format!("x0,x1\n{}\n", one.join("\n"))).unwrap();
    let output = kiln(place, &["evaluate", "one.csv", "--target", "mine.toml", "--reference", "found"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("verdict: fails"), "{output:?}");
}

#[test]
fn a_reference_of_a_formula_says_what_its_frames_are_worth_and_judges_samples() {
    let place = place();
    let place = place.path();
    let order = ["reference", "mine.toml", "-n", "1000", "--evaluations", "1e6", "-o", "r.csv"];
    let [told, said] = done(place, &order);
    assert_eq!(told, "r.csv\n");
    for word in ["rate", "cell 1", "1000 frames, worth", "virial E[x·∇E]", "expected 2"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(fs::read_to_string(place.join("r.csv")).unwrap().starts_with("a,rate\n"));
    let manifest = fs::read_to_string(place.join("r.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(
        (manifest["converged"].as_bool(), manifest["method"]["name"].as_str()),
        (Some(true), Some("exploration"))
    );
    let command = "kiln reference mine.toml -n 1000 --seed 0 --evaluations 1000000 -o r.csv";
    assert_eq!(manifest["command"].as_str(), Some(command));
    let right = column(place, "r.csv", 0).iter().filter(|a| **a > 0.0).count() as f64 / 1000.0;
    assert!((right - 0.7).abs() < 0.06, "{right}");
    // One file of it judges another seed's.
    let other = ["-q", "reference", "mine.toml", "-n", "1000", "--evaluations", "1e6", "--seed", "1", "-o", "s.csv"];
    done(place, &other);
    let judged = ["evaluate", "s.csv", "--target", "mine.toml", "--reference", "r.csv"];
    let output = kiln(place, &judged);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_cannot_be_explored_is_refused() {
    let place = place();
    let place = place.path();
    fs::create_dir(place.join("used")).unwrap();
    fs::write(place.join("used/x"), "").unwrap();
    refused(place, &["explore", "mine.toml", "-o", "used"], "'used' is already used", "another directory");
    refused(place, &["explore", "mine.toml", "--evaluations", "5"], "--evaluations is 5", "for example");
    refused(place, &["explore", "nothing"], "unknown target 'nothing'", "formula files");
    refused(place, &["explore", "absent.toml"], "cannot read 'absent.toml'", "check the path");
    fs::write(place.join("wide.csv"), "x0,x1,x2\n1,2,3\n").unwrap();
    refused(place, &["explore", "mine.toml", "--pool", "wide.csv"], "1 rows of 3 numbers", "--pool");
    refused(place, &["formula", "mine.toml", "--at", "1"], "--at has 1 numbers", "give 2 numbers");
    // The wrong file's place and line are shown.
    fs::write(place.join("bad.toml"), "dimension = 1\nenergy = \"x[0]^2 + z\"\n").unwrap();
    let output = kiln(place, &["explore", "bad.toml"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("bad.toml:2:20: ") && said.contains("| ") && said.contains("hint: "), "{said}");
}

#[test]
fn an_exploration_that_is_too_short_says_why_and_keeps_its_pool() {
    let place = place();
    let place = place.path();
    let output = kiln(place, &["-q", "explore", "mine.toml", "--evaluations", "2e4", "-o", "short"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is not converged: ") && said.contains("'short' was kept"), "{said}");
    done(place, &["sample", "short", "-n", "5", "-o", "x.csv"]);
    refused(place, &["sample", "short", "-n", "100000000", "-o", "y.csv"], "is a pool of", "more --evaluations");
    refused(place, &["export", "short", "-o", "x.kiln"], "is a pool of states, not a generator", "kiln train");
    // An energy that is written in another way, one that is another one by now, and a damaged pool.
    fs::write(place.join("mine.toml"), MINE.replace("-log(0.3*", "rate - log(3/10*").replace(" + rate", "")).unwrap();
    judged(place, &["evaluate", "short"]);
    fs::write(place.join("mine.toml"), MINE.replace("0.3*", "0.4*")).unwrap();
    refused(place, &["evaluate", "short"], "is another energy than it was", "put the old file back");
    let mut pool = fs::read(place.join("short/pool.npy")).unwrap();
    *pool.last_mut().unwrap() ^= 1;
    fs::write(place.join("short/pool.npy"), pool).unwrap();
    refused(place, &["sample", "short", "-n", "5", "-o", "y.csv"], "is damaged", "explore anew");
}
