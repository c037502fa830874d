//! The examples are the energy of the zoo's formula.

use kiln_core::Energy;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_foreign::Library;
use kiln_formula::{Array, Formula};
use std::path::Path;
use std::process::Command;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The formula, with its table of modes.
fn formula() -> Formula {
    let zoo = folder().join("../formula/zoo");
    let text = std::fs::read_to_string(zoo.join("mixture.toml")).expect("the formula");
    let load = |path: &Path| {
        let text = std::fs::read_to_string(zoo.join(path.file_name().expect("a name"))).map_err(|e| e.to_string())?;
        let data: Vec<f64> = text.split([',', '\n']).filter_map(|word| word.trim().parse().ok()).collect();
        Ok(Array { shape: vec![5, data.len() / 5], data })
    };
    Formula::parse(&text, "mixture.toml", &load).expect("a formula")
}

/// Energies and gradients at 1,000 points about the modes, to 1e-6 of their size.
fn compare(compiler: &str, source: &str, more: &[&str]) {
    let place = tempfile::tempdir().expect("a folder");
    let library = place.path().join("libmixture.so");
    let done = Command::new(compiler)
        .current_dir(place.path())
        .args(["-O3", "-Wall", "-Werror", "-shared", "-fPIC"])
        .args(more)
        .arg("-I")
        .args([&folder().join("include"), &folder().join("examples").join(source)])
        .args(["-lm", "-o"])
        .arg(&library)
        .status();
    assert!(done.unwrap_or_else(|error| panic!("{compiler}: {error}")).success());
    let (library, formula) = (Library::open(&library).expect("a library"), formula());
    let dim = library.dimension();
    assert_eq!(dim, Energy::<f64>::dim(&formula));
    let mut stream = Stream::new(1, Purpose::Test, 0);
    let (mut x, mut one, mut other) = (vec![0.0_f64; dim], vec![0.0; dim], vec![0.0; dim]);
    for _ in 0..1000 {
        stream.fill_normal(&mut x);
        x.iter_mut().for_each(|x| *x *= 4.0);
        let (e, f) = (library.energy_and_gradient(&x, &mut one), formula.energy_and_gradient(&x, &mut other));
        assert!((e - f).abs() < 1e-6 * (1.0 + f.abs()), "{e} {f}");
        assert_eq!(e, Energy::<f64>::energy(&library, &x));
        let near = one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + b.abs()));
        assert!(near, "{x:?}: {one:?} {other:?}");
    }
}

#[test]
fn the_example_in_c_is_the_formula() {
    compare("cc", "mixture.c", &["-Wextra"]);
}

#[test]
#[ignore = "needs a Fortran compiler: scripts/c installs one and runs this"]
fn the_example_in_fortran_is_the_formula() {
    compare("gfortran", "mixture.f90", &["-Wno-unused-dummy-argument"]);
}
