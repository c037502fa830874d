//! A shared library as a target: looked at, explored, trained on, crashing; and what people read whose library is none.
//! `KILN_BLESS=1 cargo test -p host --test libraries` writes these texts, `libraries.txt`, anew.

mod common;

use assert_cmd::Command;
use common::{done, judged, kiln};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Builds `lib{name}.so` of C source in a place.
fn build(place: &Path, name: &str, source: &str) {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/include");
    let from = format!("{name}.c");
    fs::write(place.join(&from), format!("#include \"kiln_energy.h\"\n{source}")).unwrap();
    let mut cc = std::process::Command::new("cc");
    cc.current_dir(place).args(["-O1", "-shared", "-fPIC", "-I"]).arg(include);
    let done = cc.args([&from, "-lm", "-o", &format!("lib{name}.so")]).status();
    assert!(done.unwrap().success(), "{name}");
}

/// The interface's version.
const ABI: &str = "uint32_t kiln_abi(void) { return KILN_ENERGY_ABI; }\n";
/// Two coordinates.
const TWO: &str = "uint32_t kiln_dimension(void) { return 2; }\n";
/// How a call begins.
const CALL: &str =
    "int32_t kiln_energy(void *u, uint32_t rows, uint32_t dim, const double *x, double *e, double *g) {\n";

/// Two unit Gaussians ten apart in the first coordinate, of masses 0.3 and 0.7.
const WELLS: &str = "#include <math.h>\n\
    const char *kiln_coordinate(uint32_t at) { return at ? \"rest\" : \"well\"; }\n\
    int32_t kiln_energy(void *u, uint32_t rows, uint32_t dim, const double *x, double *e, double *g) {\n\
      for (uint32_t r = 0; r < rows; r++, x += dim) {\n\
        double low = 0.3 * exp(-0.5 * (x[0] + 5) * (x[0] + 5)), high = 0.7 * exp(-0.5 * (x[0] - 5) * (x[0] - 5));\n\
        double far = x[0] > 0 ? x[0] - 5 : x[0] + 5;\n\
        int lost = low + high == 0;\n\
        e[r] = (lost ? 0.5 * far * far : -log(low + high)) + 0.5 * x[1] * x[1];\n\
        if (!g) continue;\n\
        g[2 * r] = lost ? far : (low * (x[0] + 5) + high * (x[0] - 5)) / (low + high);\n\
        g[2 * r + 1] = x[1];\n\
      }\n";

#[test]
fn a_library_is_looked_at_explored_drawn_from_and_trained_on() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    build(place, "wells", &format!("{ABI}{TWO}{WELLS}return 0; }}\n"));
    let [told, _] = done(place, &["formula", "./libwells.so", "--at", "1,2"]);
    assert!(told.starts_with("wells: 2 dimensions, E of the library libwells.so, sha256 "), "{told}");
    assert!(told.contains("well ") && told.contains("rest "), "names of coordinates: {told}");
    done(place, &["explore", "./libwells.so", "--evaluations", "3e5", "-o", "found"]);
    done(place, &["sample", "found", "-n", "2000", "-o", "x.csv"]);
    let text = fs::read_to_string(place.join("x.csv")).unwrap();
    assert!(text.starts_with("well,rest\n"), "{}", &text[..40]);
    let right = text.lines().skip(1).filter(|line| !line.starts_with('-')).count() as f64 / 2000.0;
    assert!((right - 0.7).abs() < 0.06, "{right}");
    let train = [
        "train",
        "./libwells.so",
        "--explored",
        "found",
        "--set",
        "train.steps=20",
        "--set",
        "train.warmup=5",
        "--out",
        "run",
    ];
    judged(place, &train);
    judged(place, &["evaluate", "run"]);
    // The run knows its energy, however it was built; another one under its name is not it.
    build(place, "wells", &format!("{ABI}{TWO}{WELLS}return 0 * 1; }}\nint more;\n"));
    judged(place, &["evaluate", "run"]);
    build(place, "wells", &format!("{ABI}{TWO}{}return 0; }}\n", WELLS.replace("0.3 *", "0.4 *")));
    let refused = kiln(place, &["evaluate", "run"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && told.contains("is another energy than it was"), "{told}");
}

/// Crashes at the call that CRASH_AT says.
const CRASHING: &str = "#include <stdlib.h>\n\
    static long calls, at = -1;\n\
    static void count(void) {\n\
      if (at < 0) at = getenv(\"CRASH_AT\") ? atol(getenv(\"CRASH_AT\")) : 0;\n\
      if (++calls == at) abort();\n\
    }\n";

/// A small training on the library of a place, whose 4,000th call goes wrong after the first checkpoint.
fn trained_until_a_call(place: &Path) -> std::process::Output {
    done(place, &["explore", "./libwells.so", "--evaluations", "1e5", "-o", "found"]);
    let small = [
        "train.steps=40",
        "train.warmup=5",
        "train.batch=16",
        "train.checkpoint_every=1",
        "posterior.chain=4",
        "posterior.keep=2",
    ];
    let mut train = vec!["train", "./libwells.so", "--preset", "direct", "--explored", "found", "--out", "run"];
    small.iter().for_each(|set| train.extend(["--set", set]));
    let mut command = Command::cargo_bin("kiln").unwrap();
    let ended = command.current_dir(place).env("CRASH_AT", "4000").args(&train).output().unwrap();
    assert!(place.join("run/checkpoint.safetensors").is_file(), "it ended before the first checkpoint");
    ended
}

#[test]
fn a_library_that_crashes_later_leaves_a_run_that_resumes() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let wells = WELLS.replacen("for (", "count(); for (", 1);
    build(place, "wells", &format!("{ABI}{TWO}{CRASHING}{wells}return 0; }}\n"));
    let crashed = trained_until_a_call(place);
    assert_eq!(crashed.status.code(), None, "{}", String::from_utf8_lossy(&crashed.stderr));
    let [_, told] = judged(place, &["train", "--resume", "run"]);
    assert!(!told.contains("begins anew"), "{told}");
    assert!(place.join("run/samples.npy").is_file());
}

#[test]
fn a_call_that_fails_ends_a_training_whose_run_resumes() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let message = "const char *kiln_message(int32_t s) { return \"the disk is full\"; }\n";
    let failing = CRASHING.replace("abort()", "failed = 1").replace("static long", "static int failed;\nstatic long");
    let wells = WELLS.replacen("for (", "count(); for (", 1);
    build(place, "wells", &format!("{ABI}{TWO}{message}{failing}{wells}return failed ? 5 : 0; }}\n"));
    let failed = trained_until_a_call(place);
    let told = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(2), "{told}");
    assert!(told.contains("error: the energy wells failed: kiln_energy returned status 5: the disk is full"), "{told}");
    let [_, told] = judged(place, &["train", "--resume", "run"]);
    assert!(!told.contains("begins anew"), "{told}");
}

/// Libraries that are no energies.
fn malformed() -> Vec<(&'static str, String)> {
    let bowl = "for (uint32_t r = 0; r < rows; r++) { e[r] = 0; for (uint32_t k = 0; k < dim; k++) {\n\
        e[r] += 0.5 * x[r * dim + k] * x[r * dim + k]; if (g) g[r * dim + k] = x[r * dim + k]; } }\n";
    let whole = format!("{ABI}{TWO}{CALL}{bowl}return 0; }}\n");
    let body = |body: &str| format!("#include <math.h>\n#include <stdlib.h>\n{ABI}{TWO}{CALL}{body}}}\n");
    vec![
        ("no_abi", "int nothing;\n".into()),
        ("old", whole.replace("KILN_ENERGY_ABI", "7")),
        ("no_dimension", whole.replace("kiln_dimension", "dimension")),
        ("no_coordinates", whole.replace("return 2", "return 0")),
        ("no_energy", whole.replace("kiln_energy", "energy").replace("energy.h", "kiln_energy.h")),
        ("unopened", format!("{whole}void *kiln_open(void) {{ return 0; }}\n")),
        ("unnamed", format!("{whole}const char *kiln_name(void) {{ return \"two words\"; }}\n")),
        ("unbounded", format!("{whole}void kiln_bounds(double *l, double *h) {{ l[1] = 2; h[1] = 1; }}\n")),
        ("particles", format!("{whole}void kiln_particles(uint32_t *n, uint32_t *d) {{ *n = 4; *d = 3; }}\n")),
        (
            "broken",
            format!(
                "#include <stdlib.h>\n{whole}__attribute__((constructor)) static void begin(void) {{ abort(); }}\n"
            ),
        ),
        ("crashing", body("__builtin_trap();")),
        ("aborting", body("abort();")),
        ("leaving", body("exit(0);")),
        ("failing", body("return -4;")),
        ("nowhere", body("for (uint32_t r = 0; r < rows; r++) e[r] = NAN; return 0;")),
        ("two_faced", body("for (uint32_t r = 0; r < rows; r++) e[r] = g ? 1 : 2; return 0;")),
        ("forgetful", body(&format!("{}return 0;", bowl.replace("if (g)", "if (g && k)")))),
        (
            "wrong",
            body(&format!("{}return 0;", bowl.replace("= x[r * dim + k]; }", "= (k ? -1 : 1) * x[r * dim + k]; }"))),
        ),
    ]
}

#[test]
fn libraries_that_are_no_energies_are_refused_with_the_reason() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let mut told = String::new();
    let mut tell = |name: &str| {
        let file = format!("./lib{name}.so");
        let refused = kiln(place, &["explore", &file, "--evaluations", "20000", "-o", "found", "--quiet"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{name}: {said}");
        assert!(!place.join("found").exists(), "{name}: nothing is made");
        let _ = writeln!(told, "== {name}\n{}", said.replace(&place.display().to_string(), "."));
    };
    tell("missing");
    fs::write(place.join("libtext.so"), "not a library").unwrap();
    tell("text");
    for (name, source) in malformed() {
        build(place, name, &source);
        tell(name);
    }
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries.txt");
    if std::env::var_os("KILN_BLESS").is_some() {
        fs::write(&expected, &told).unwrap();
    }
    assert_eq!(told, fs::read_to_string(&expected).unwrap_or_default());
}
