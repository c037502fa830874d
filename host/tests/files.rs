//! Files of samples on the command line: what they say of themselves, what lies beside them, and how they come to be.

mod common;

use common::{as_of, done, judged, kiln, refused, untrained_run};
use kiln::pretrained;
use kiln::samples::Samples;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The names of the files in a directory.
fn names(place: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn frames_that_kiln_wrote_are_judged_as_what_they_say() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    done(place, &["-q", "sample", "dw4", "-n", "40", "-o", "x.extxyz"]);
    let [with, _] = judged(place, &["evaluate", "x.extxyz", "--target", "dw4", "--json"]);
    let [without, _] = judged(place, &["evaluate", "x.extxyz", "--json"]);
    assert_eq!(with, without, "the file says what it is of");
    refused(place, &["evaluate", "x.extxyz", "--target", "mw32"], "8 coordinates, Many-Well-32 has 32", "--target");

    let text = fs::read_to_string(place.join("x.extxyz")).unwrap();
    // The last frame alone: all of them are looked at.
    let last = text.rfind("convention=\"").unwrap();
    let other = format!("{}convention=\"another\"{}", &text[..last], &text[last..].split_once("convention").unwrap().1);
    fs::write(place.join("y.extxyz"), &other).unwrap();
    refused(place, &["evaluate", "y.extxyz"], "frame 40, line 236: ", "Properties");
    fs::write(place.join("y.extxyz"), text.replace("0.9 (r-4)^4", "0.8 (r-4)^4")).unwrap();
    refused(place, &["evaluate", "y.extxyz"], "under another convention than DW-4's: ", "draw them anew");
    fs::write(place.join("y.extxyz"), text.replace("target=\"dw4\"", "target=\"lj13\"")).unwrap();
    let told = "'y.extxyz' says that its samples are of lj13, not of dw4";
    refused(place, &["evaluate", "y.extxyz", "--target", "dw4"], told, "--target lj13");
    refused(place, &["evaluate", "x.extxyz", "--reference", "y.extxyz"], told, "--target lj13");
    fs::write(place.join("y.extxyz"), text.replace("pbc=\"F F F\"", "pbc=\"T T T\"")).unwrap();
    refused(place, &["evaluate", "y.extxyz"], "frame 1, line 2: it is periodic", "Properties");
    // Eight numbers that are no particles of the plane.
    fs::write(place.join("y.csv"), "1,2,3,4,5,6,7\n").unwrap();
    refused(place, &["evaluate", "x.extxyz", "--reference", "y.csv"], "7 coordinates, DW-4 has 8", "--target");
}

#[test]
fn plain_frames_and_compressed_files_are_judged_as_the_others() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let figures = |name: &str, more: &[&str]| {
        let [figures, _] = judged(place, &[&["-q", "evaluate", name, "--json"], more].concat());
        figures.replace(name, "")
    };
    done(place, &["-q", "sample", "dw4", "-n", "40", "-o", "x.extxyz"]);
    let expected = figures("x.extxyz", &[]);
    for name in ["x.xyz", "x.xyz.gz", "x.extxyz.gz"] {
        done(place, &["-q", "sample", "dw4", "-n", "40", "-o", name]);
        assert_eq!(figures(name, &[]), expected, "{name} says what it is of");
    }
    for name in ["x.csv.gz", "x.npy.gz"] {
        done(place, &["-q", "sample", "dw4", "-n", "40", "-o", name]);
        assert_eq!(figures(name, &["--target", "dw4"]), expected, "{name}");
    }
    refused(place, &["evaluate", "x.xyz", "--target", "lj13"], "8 coordinates, LJ-13 has 39", "--target");
    let whole = fs::read(place.join("x.csv.gz")).unwrap();
    fs::write(place.join("y.csv.gz"), &whole[..whole.len() - 3]).unwrap();
    let cut = ["evaluate", "y.csv.gz", "--target", "dw4"];
    refused(place, &cut, "cannot read 'y.csv.gz': its gzip data are cut off", "the gzip data of one sample a line");
    // As `cat` makes it of two files: read to the end, where the second has its header.
    fs::write(place.join("y.csv.gz"), whole.repeat(2)).unwrap();
    refused(place, &cut, "line 42, column 1: 'x0' is not a number", "one sample a line");
    // The manifest of a compressed reference lies where that of another does.
    done(place, &["-q", "reference", "mw32", "-n", "60", "-o", "r.npy.gz"]);
    let [_, told] = judged(place, &["evaluate", "r.npy.gz"]);
    assert!(place.join("r.json").is_file() && !told.contains("note"), "{told}");
}

/// A frame as ASE 3.29 writes it, plain and extended:
/// `ase.io.write(NAME, Atoms('Ar2', positions=[(0, 0.5, 1), (-1.5, 2, 2.5)]), format=FORMAT)`, `xyz` and `extxyz`.
const OF_ASE: [&str; 2] = [
    "2\n\nAr      0.000000000000000      0.500000000000000      1.000000000000000\nAr     -1.500000000000000      2.000000000000000      2.500000000000000\n",
    "2\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\nAr       0.00000000       0.50000000       1.00000000\nAr      -1.50000000       2.00000000       2.50000000\n",
];

#[test]
fn frames_of_ase_are_read_under_one_extension() {
    let place = tempfile::tempdir().unwrap();
    for (text, name) in OF_ASE.into_iter().flat_map(|text| [(text, "x.xyz"), (text, "x.extxyz")]) {
        let path = place.path().join(name);
        fs::write(&path, text.repeat(2)).unwrap();
        let read = kiln::format::read(&path).unwrap();
        assert_eq!(read, Samples { dim: 6, data: [0.0, 0.5, 1.0, -1.5, 2.0, 2.5].repeat(2) }, "{text}");
    }
}

#[test]
fn a_manifest_counts_only_for_the_samples_it_was_made_of() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    done(place, &["-q", "reference", "mw32", "-n", "60", "-o", "x.npy"]);
    let [_, told] = judged(place, &["-q", "evaluate", "x.npy", "--target", "mw32"]);
    assert_eq!(told, "");
    // The same numbers in another format are the same samples.
    let samples = kiln::format::read(&place.join("x.npy")).unwrap();
    let target = kiln::targets::builtin().into_iter().find(|target| target.name() == "mw32").unwrap();
    kiln::format::write(&place.join("x.csv"), &samples, &target, false).unwrap();
    let [by_manifest, told] = judged(place, &["evaluate", "x.csv"]);
    assert!(by_manifest.contains("Many-Well-32") && !told.contains("note"), "{by_manifest}{told}");

    let manifest = fs::read_to_string(place.join("x.json")).unwrap();
    let with = |manifest: &str, more: &[&str], what: &str, hint: &str| {
        fs::write(place.join("x.json"), manifest).unwrap();
        refused(place, &[&["evaluate", "x.npy"], more].concat(), what, hint);
    };
    let of_mog40 = manifest.replace("\"target\": \"mw32\"", "\"target\": \"mog40\"");
    with(&of_mog40, &["--target", "mw32"], "by its manifest 'x.npy' is a reference of mog40, not of mw32", "--target");
    let convention = manifest.replace("6 d^2", "5 d^2");
    with(&convention, &[], "under another convention than Many-Well-32's", "make it anew");
    with(&convention, &["--reference", "x.npy"], "under another convention", "make it anew");

    // Other samples, as many, beside the same manifest: they used to count as exact.
    fs::write(place.join("x.json"), &manifest).unwrap();
    done(place, &["-q", "sample", "mw32", "-n", "60", "-o", "x.npy", "--force"]);
    let [_, told] = judged(place, &["evaluate", "x.npy", "--target", "mw32"]);
    assert!(told.contains("note: 'x.json' is not used: it is the manifest of 60 other samples"), "{told}");
    refused(place, &["evaluate", "x.npy"], "does not say what its samples are of", "--target");
    let [_, told] = judged(place, &["-q", "evaluate", "x.npy", "--target", "mw32"]);
    assert_eq!(told, "");
    for other in ["{\"rows\": []}", "[1, 2]", "no json"] {
        fs::write(place.join("x.json"), other).unwrap();
        let [_, told] = judged(place, &["evaluate", "x.npy", "--target", "mw32"]);
        assert!(!told.contains("note: 'x.json'"), "{told}");
    }
}

/// A run whose generator overflows for some latents.
fn broken_run(place: &Path) {
    let mog40 = pretrained::find("mog40").unwrap();
    let mut file = mog40.file().unwrap();
    let mut weights = file.tensor("layers.4.weight", &[128, 2]).unwrap().to_vec();
    weights[0] = 3e38;
    file.insert_tensor("layers.4.weight", vec![128, 2], weights);
    let run = untrained_run(place);
    run.write("generator.safetensors", &as_of(&run, file)).unwrap();
}

#[test]
fn samples_that_are_not_finite_are_not_written() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    broken_run(place);
    for output in ["x.npy", "x.npz", "x.csv", "x.csv.gz"] {
        let output = kiln(place, &["sample", "run", "-n", "2000", "-o", output]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.starts_with("error: ") && told.contains(" of 2000 samples are not finite, the first is number "));
        assert_eq!(told.lines().count(), 2, "{told}");
        assert_eq!(names(place), ["run"]);
    }
    let [_, told] = done(place, &["sample", "run", "-n", "500", "-o", "x.npy", "--gate", "inf"]);
    assert!(told.contains("left out") && !told.contains(" 0 left out"), "{told}");
    let samples = kiln::format::read(&place.join("x.npy")).unwrap();
    assert!(samples.len() == 500 && samples.data.iter().all(|x| x.is_finite()));
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_one_sentence_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    for name in ["x.npy", "x.npz", "x.csv", "x.npy.gz"] {
        // Blocks of 512 bytes or of 1 kB: either way less than the samples.
        let script = format!("trap '' XFSZ; ulimit -f 100; exec \"$0\" sample mog40 -n 20000 -o {name}");
        let output = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_kiln")])
            .current_dir(place.path())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.starts_with(&format!("error: cannot write '{name}': ")), "{told}");
        assert_eq!(told.lines().count(), 2, "{told}");
        assert!(names(place.path()).is_empty());
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_draw_leaves_nothing_behind() {
    for signal in ["-INT", "-TERM"] {
        let place = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_kiln"))
            .args(["sample", "mog40", "-n", "200000000", "-o", "x.npy"])
            .current_dir(place.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let start = std::time::Instant::now();
        // The temporary file says that drawing has begun, and it grows while samples are drawn.
        while names(place.path()).is_empty() && start.elapsed().as_secs() < 60 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(names(place.path()).len(), 1);
        assert!(!place.path().join("x.npy").exists());
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130));
        assert!(names(place.path()).is_empty(), "{:?}", names(place.path()));
    }
}
