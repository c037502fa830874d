//! What is unknown, lost or stuck is told as such by `kiln evaluate` and `kiln reference`, never as a figure's best value.

mod common;

use common::{done, judged, refused};
use kiln::metric::{Comparison, Report};
use kiln::reference::{Manifest, shipped};
use kiln::samples::Samples;
use kiln::target::{Structure, Target};
use kiln::targets::builtin;
use kiln_core::random::{Purpose, Randomness, Stream};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};

fn target(name: &str) -> Target {
    builtin().into_iter().find(|target| target.name() == name).unwrap()
}

/// A folder with `x.csv`, which holds these rows.
fn file(dim: usize, data: &[f32]) -> TempDir {
    let place = tempdir().unwrap();
    let mut text = (0..dim).map(|k| format!("x{k}")).collect::<Vec<_>>().join(",") + "\n";
    for row in data.chunks_exact(dim) {
        let _ = writeln!(text, "{}", row.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    }
    fs::write(place.path().join("x.csv"), text).unwrap();
    place
}

/// `kiln evaluate x.csv` as JSON, as text and as a page.
fn evaluated(place: &Path, target: &str, more: &[&str]) -> (Value, String, String) {
    let arguments = [&["-q", "evaluate", "x.csv", "--target", target], more].concat();
    let json = judged(place, &[&arguments[..], &["--json"]].concat())[0].clone();
    let table = judged(place, &[&arguments[..], &["--report", "x.html"]].concat())[0].clone();
    // What was written can be read.
    serde_json::from_str::<Report>(&json).unwrap();
    (serde_json::from_str(&json).unwrap(), table, fs::read_to_string(place.join("x.html")).unwrap())
}

fn row<'a>(report: &'a Value, metric: &str) -> &'a Value {
    report["rows"].as_array().unwrap().iter().find(|row| row["metric"] == metric).unwrap()
}

fn line(table: &str, metric: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.starts_with(metric)).unwrap();
    line[metric.len()..].split_whitespace().map(String::from).collect()
}

/// Means of MoG-40's modes and their common standard deviation.
fn modes() -> (Vec<[f32; 2]>, f32) {
    let Structure::Mixture { means, sd } = target("mog40").structure() else { panic!() };
    (means.chunks_exact(2).map(|mean| [mean[0] as f32, mean[1] as f32]).collect(), sd as f32)
}

/// Rows of one mode after another, `each` in every one, all of the same shape.
fn in_modes(which: &[usize], each: usize) -> Vec<f32> {
    let (means, sd) = modes();
    let mut stream = Stream::new(5, Purpose::Test, 0);
    let mut noise = vec![0.0_f64; 2 * each];
    stream.fill_normal(&mut noise);
    let of = |mode: &usize| {
        let mean = means[*mode];
        noise.iter().enumerate().map(move |(at, xi)| mean[at % 2] + sd * *xi as f32).collect::<Vec<f32>>()
    };
    which.iter().flat_map(of).collect()
}

#[test]
fn one_point_repeated_has_no_known_sample_size() {
    let place = file(2, &[1.0, 2.0].repeat(1000));
    let (report, table, page) = evaluated(place.path(), "mog40", &[]);
    assert_eq!(report["mixing"]["effective_fraction"], "unknown");
    assert_eq!(report["mixing"]["r_hat"], "unknown");
    for metric in ["mean log p", "fraction within 4 sd of a mode", "W2"] {
        assert_eq!(row(&report, metric)["effective_sample_size"], "unknown", "{metric}");
        assert_eq!(row(&report, metric)["r_hat"], "unknown", "{metric}");
    }
    assert_eq!(row(&report, "mean log p")["sd"], "unknown");
    assert_eq!(line(&table, "mean log p")[1], "unknown");
    assert_eq!(line(&table, "mean log p").iter().filter(|cell| *cell == "unknown").count(), 3, "{table}");
    assert!(page.contains("<td>unknown</td>"));
}

#[test]
fn draws_of_their_own_are_neither_unknown_nor_infinite() {
    let place = tempdir().unwrap();
    let [json, _] = judged(place.path(), &["evaluate", "mog40", "--json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["mixing"]["effective_fraction"], 1.0);
    assert!(report["mixing"]["r_hat"].is_null() && row(&report, "mean log p")["r_hat"].is_null());
    let [table, _] = judged(place.path(), &["evaluate", "mog40"]);
    assert_eq!(line(&table, "mean log p")[7], "-");
    assert!(!line(&table, "mean log p").contains(&"unknown".into()) && !table.contains("infinite"), "{table}");
}

#[test]
fn constant_chains_that_differ_have_an_infinite_r_hat() {
    let chains = [[1.0, 2.0], [1.0, 2.0], [3.0, 4.0], [3.0, 4.0]].map(|x: [f32; 2]| x.repeat(100)).concat();
    let place = file(2, &chains);
    for more in [&[][..], &["--chains", "4"]] {
        let (report, table, page) = evaluated(place.path(), "mog40", more);
        assert_eq!(report["mixing"]["r_hat"], "infinite", "{more:?}");
        assert_eq!(row(&report, "mean log p")["r_hat"], "infinite", "{more:?}");
        assert!(line(&table, "mean log p").contains(&"infinite".into()), "{table}");
        assert!(page.contains("<td>infinite</td>"), "{more:?}");
    }
}

/// A chain that wanders slowly within one mode.
fn slow(rows: usize) -> Vec<f32> {
    let ([mean, ..], sd) = (&modes().0[..], modes().1) else { panic!() };
    let (mut stream, mut x) = (Stream::new(9, Purpose::Test, 1), [0.0_f64; 2]);
    (0..rows)
        .flat_map(|_| {
            x = x.map(|x| {
                let xi: f64 = stream.normal();
                0.98 * x + (1.0_f64 - 0.98 * 0.98).sqrt() * xi
            });
            [mean[0] + sd * x[0] as f32, mean[1] + sd * x[1] as f32]
        })
        .collect()
}

#[test]
fn a_row_that_is_no_number_does_not_lift_the_sample_size() {
    let mut chain = slow(4000);
    let (whole, _, _) = evaluated(file(2, &chain).path(), "mog40", &[]);
    let fraction = whole["mixing"]["effective_fraction"].as_f64().unwrap();
    assert!((1e-4..0.1).contains(&fraction), "{fraction}");
    chain[1234] = f32::NAN;
    let (broken, table, _) = evaluated(file(2, &chain).path(), "mog40", &[]);
    assert_eq!(broken["mixing"]["effective_fraction"], "unknown");
    assert_eq!(broken["mixing"]["r_hat"], "unknown");
    assert!(table.contains("1 of 4000 rows"), "{table}");
}

#[test]
fn fewer_than_four_rows_tell_nothing_of_themselves() {
    for rows in 1..4 {
        let (report, _, _) = evaluated(file(2, &in_modes(&[3], rows)).path(), "mog40", &[]);
        assert_eq!(report["mixing"]["effective_fraction"], "unknown", "{rows} rows");
        assert_eq!(report["mixing"]["r_hat"], "unknown", "{rows} rows");
        assert_eq!(row(&report, "mean log p")["sd"], "unknown", "{rows} rows");
    }
}

#[test]
fn the_error_of_a_mean_is_that_of_its_effective_samples() {
    let chain = slow(4000);
    let mut shuffled: Vec<&[f32]> = chain.chunks_exact(2).collect();
    // 1237 and 4000 have no common divisor.
    shuffled = (0..4000).map(|at| shuffled[at * 1237 % 4000]).collect();
    let [slow, fast] = [chain.clone(), shuffled.concat()].map(|data| {
        let (report, _, _) = evaluated(file(2, &data).path(), "mog40", &[]);
        ["mean log p", "virial E[x.grad E]"].map(|metric| {
            let row = row(&report, metric);
            (row["sd"].as_f64().unwrap(), row["effective_sample_size"].as_f64().unwrap())
        })
    });
    for ((slow, few), (fast, many)) in slow.into_iter().zip(fast) {
        assert!(few < 200.0 && many > 2000.0, "{few} {many}");
        assert!((slow / fast / (many / few).sqrt() - 1.0).abs() < 1e-9, "{slow} {fast}");
    }
}

#[test]
fn four_chains_that_never_leave_four_modes_of_equal_shape_do_not_agree() {
    let place = file(2, &in_modes(&[0, 11, 23, 37], 1000));
    for (more, chains) in [(&[][..], "one chain"), (&["--chains", "4"], "4 chains")] {
        let (report, table, _) = evaluated(place.path(), "mog40", more);
        let r_hat = report["mixing"]["r_hat"].as_f64().unwrap();
        assert!(r_hat > 1.5, "{more:?}: {r_hat}");
        assert!(row(&report, "mean log p")["effective_sample_size"].as_f64().unwrap() < 50.0, "{more:?}");
        let how = report["mixing"]["how"].as_str().unwrap();
        assert!(how.contains(chains) && (how.contains("x0") || how.contains("x1")), "{how}");
        assert!(table.contains(how));
    }
}

#[test]
fn particles_that_never_leave_their_shape_do_not_agree() {
    // Two frames of DW-4 with energies alike and distances apart, each shaken a little.
    let frames = shipped("dw4").unwrap().samples;
    let energies = kiln::metric::suite::energies(&target("dw4"), &frames.data);
    let size = |row: usize| frames.data[8 * row..][..8].iter().map(|x| x * x).sum::<f32>();
    let near = |row: &usize| (energies[*row] + 23.0).abs() < 0.05;
    let like: Vec<usize> = (0..frames.len()).filter(near).collect();
    let least = *like.iter().min_by(|a, b| size(**a).total_cmp(&size(**b))).unwrap();
    let most = *like.iter().max_by(|a, b| size(**a).total_cmp(&size(**b))).unwrap();
    let mut stream = Stream::new(1, Purpose::Test, 4);
    let mut data = Vec::new();
    for row in [least, most] {
        for _ in 0..500 {
            let mut noise = vec![0.0_f64; 8];
            stream.fill_normal(&mut noise);
            data.extend(frames.data[8 * row..][..8].iter().zip(noise).map(|(x, xi)| x + 0.02 * xi as f32));
        }
    }
    let (report, _, _) = evaluated(file(8, &data).path(), "dw4", &["--chains", "2"]);
    let how = report["mixing"]["how"].as_str().unwrap();
    assert!(report["mixing"]["r_hat"].as_f64().unwrap() > 1.5, "{how}");
    assert!(how.contains("distance") || how.contains("radius of gyration"), "{how}");
}

#[test]
fn a_number_of_chains_that_a_file_cannot_hold_is_refused() {
    let place = file(2, &in_modes(&[0], 10));
    let with = |chains: &'static str| ["evaluate", "x.csv", "--target", "mog40", "--chains", chains];
    refused(&place, &with("3"), "--chains is 3, but 'x.csv' holds 10 rows", "chains of equal length");
    refused(&place, &with("0"), "--chains is 0", "--chains 4");
    refused(&place, &with("-2"), "--chains is -2", "--chains 4");
    refused(&place, &with("11"), "--chains is 11, but 'x.csv' holds 10 rows", "chains of equal length");
    refused(&place, &["evaluate", "mog40", "--chains", "4"], "--chains is for files", "leave --chains out");
}

#[test]
fn lost_samples_are_mass_that_no_mode_has() {
    let exact: Vec<f32> = modes().0.iter().flat_map(|mean| mean.repeat(10)).collect();
    let found = |lost: usize| {
        let mut data = exact.clone();
        // Every mode loses the same.
        data.chunks_exact_mut(20).for_each(|mode| mode[..2 * lost].fill(f32::NAN));
        let (report, _, _) = evaluated(file(2, &data).path(), "mog40", &[]);
        row(&report, "mode-mass total variation")["value"].as_f64().unwrap()
    };
    for (lost, variation) in [(0, 0.0), (5, 0.5), (10, 1.0)] {
        assert!((found(lost) - variation).abs() < 1e-9, "{lost} of 10 lost: {}", found(lost));
    }
}

#[test]
fn lost_samples_count_against_wells_wherever_they_could_be() {
    let target = target("mw32");
    let Structure::Wells { right } = target.structure() else { panic!() };
    let exact = target.exact_samples(3, 1000).unwrap();
    let found = |lost: usize| {
        let mut data = exact.clone();
        data[..32 * lost].fill(f32::NAN);
        let (report, _, _) = evaluated(file(32, &data).path(), "mw32", &[]);
        row(&report, "worst well |P(d>0) - truth|")["value"].as_f64().unwrap()
    };
    assert!((found(1000) - right).abs() < 1e-9, "{}", found(1000));
    // Half are right of 0 in 844 of 1000 or so: had all others been left, the share would be 0.42.
    assert!((found(500) - right / 2.0).abs() < 0.05, "{}", found(500));
}

#[test]
fn a_coordinate_that_is_not_finite_has_no_energy_whatever_the_formula_says() {
    let lost = |place: &Path, file: &str| {
        let [json, _] = judged(place, &["-q", "evaluate", file, "--target", "mog40", "--json"]);
        let report: Value = serde_json::from_str(&json).unwrap();
        row(&report, "samples with non-finite energy")["value"].as_f64().unwrap()
    };
    let place = tempdir().unwrap();
    fs::write(place.path().join("x.csv"), "x0,x1\n1,2\n1e39,0\n3,4\n5,6\n7,-1e300\n").unwrap();
    assert_eq!(lost(place.path(), "x.csv"), 2.0);
    // A float64 array of five rows.
    let mut npy = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (5, 2), }";
    npy.extend(format!("{header:<117}\n").bytes());
    npy.extend([1.0, 2.0, 1e300, 0.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0_f64].iter().flat_map(|x| x.to_le_bytes()));
    fs::write(place.path().join("x.npy"), npy).unwrap();
    assert_eq!(lost(place.path(), "x.npy"), 1.0);
}

#[test]
fn frames_off_centre_are_told_beside_the_raw_distance() {
    let mut frames = Samples { dim: 8, data: shipped("dw4").unwrap().samples.data[..8 * 1000].to_vec() };
    let (_, before, _) = evaluated(file(8, &frames.data).path(), "dw4", &[]);
    assert!(!before.contains("not at the origin"));
    frames.data[..8 * 250].chunks_exact_mut(2).for_each(|particle| particle[0] += 3.0);
    let (report, table, _) = evaluated(file(8, &frames.data).path(), "dw4", &[]);
    assert!(table.contains("the mean of 25 % of the frames is not at the origin"), "{table}");
    // Energies, the virial and the geometric distance do not change when a frame is moved.
    let virial = |text: &str| line(text, "virial E[x.grad E]")[0].parse::<f64>().unwrap();
    assert!((virial(&before) - virial(&table)).abs() < 0.01);
    assert_eq!(row(&report, "samples with non-finite energy")["value"], 0.0);
}

#[test]
fn the_judge_of_references_watches_every_coordinate() {
    let place = tempdir().unwrap();
    done(place.path(), &["-q", "reference", "mw32", "-n", "1000", "-o", "x.npy"]);
    let manifest: Manifest = serde_json::from_slice(&fs::read(place.path().join("x.json")).unwrap()).unwrap();
    let names: Vec<&str> = manifest.observables.iter().map(|observable| observable.name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[32]), (33, "energy", "x31"));
    for name in ["mog40", "mw32"] {
        let Some(shipped) = shipped(name) else { panic!() };
        assert_eq!(shipped.manifest.observables.len(), 1 + target(name).dim(), "{name}");
    }
}

#[test]
fn shares_and_virials_have_errors_and_counts_have_none() {
    let target = target("mog40");
    let comparison = Comparison::of(&target, 1000).unwrap();
    let (report, _, _) = evaluated(file(2, &comparison.reference.samples.data).path(), "mog40", &[]);
    let share = row(&report, "fraction within 4 sd of a mode");
    let (p, n) = (share["value"].as_f64().unwrap(), share["effective_sample_size"].as_f64().unwrap());
    let binomial = (p.min(1.0 - 1.0 / n) * (1.0 - p).max(1.0 / n) / n).sqrt();
    let error = share["sd"].as_f64().unwrap();
    assert!((0.5..2.0).contains(&(error / binomial)), "{error} {binomial}");
    for count in ["modes covered", "mode-mass total variation", "samples with non-finite energy"] {
        assert!(row(&report, count)["sd"].is_null(), "{count}");
    }
}
