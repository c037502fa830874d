//! Libraries in C, compiled here: what they say of themselves, what they compute, how they fail. `scripts/c` runs this under valgrind.

use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Lanes, Scalar as _};
use kiln_foreign::{Library, LoadError};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A library of this source, and the folder that it lies in.
fn built(source: &str) -> (PathBuf, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("energy.c"), folder.path().join("libenergy.so"));
    std::fs::write(&from, source).expect("to be written");
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let done = Command::new("cc")
        .args(["-O1", "-g", "-Wall", "-Werror", "-shared", "-fPIC", "-I"])
        .args([&include, &from, Path::new("-o"), &to])
        .arg("-lm")
        .status();
    assert!(done.expect("a C compiler").success(), "{source}");
    (to, folder)
}

/// What all of these libraries begin with.
const BEGIN: &str = "#include \"kiln_energy.h\"\n#include <math.h>\n#include <stdlib.h>\n\
    uint32_t kiln_abi(void) { return KILN_ENERGY_ABI; }\n";
/// E = Σ (k + 1) x_k² / 2 in two coordinates.
const BOWL: &str = "uint32_t kiln_dimension(void) { return 2; }\n\
    int32_t kiln_energy(void *user, uint32_t rows, uint32_t dim, const double *x, double *e, double *g) {\n\
      for (uint32_t r = 0; r < rows; r++) {\n\
        e[r] = 0;\n\
        for (uint32_t k = 0; k < dim; k++) {\n\
          e[r] += 0.5 * (k + 1) * x[r * dim + k] * x[r * dim + k];\n\
          if (g) g[r * dim + k] = (k + 1) * x[r * dim + k];\n\
        }\n\
      }\n\
      return KILN_ENERGY_DONE;\n\
    }\n";

fn opened(source: &str) -> Result<Library, LoadError> {
    let (path, _folder) = built(&format!("{BEGIN}{source}"));
    Library::open(&path)
}

#[test]
fn a_library_is_an_energy() {
    let library = opened(BOWL).expect("a library");
    assert_eq!((library.dimension(), library.name(), library.convention()), (2, None, None));
    assert_eq!(
        (library.coordinates(), library.bounds(), Energy::<f64>::symmetry(&library)),
        (None, None, Symmetry::None)
    );
    let mut gradient = [0.0; 2];
    assert_eq!(library.energy_and_gradient(&[1.0, -3.0], &mut gradient), 9.5);
    assert_eq!((gradient, Energy::<f64>::energy(&library, &[1.0, -3.0])), ([1.0, -6.0], 9.5));
    // Lane by lane the same.
    let x = [0, 1].map(|k| Lanes::<16>::from_lanes(|lane| lane as f32 - 4.0 * k as f32));
    let mut slopes = [Lanes::<16>([0.0; 16]); 2];
    let energies = library.energy_and_gradient(&x, &mut slopes);
    assert_eq!(energies, library.energy(&x));
    for lane in 0..16 {
        let at = [x[0].0[lane], x[1].0[lane]];
        let energy = library.energy_and_gradient(&at.map(f64::from), &mut gradient);
        assert_eq!((energies.0[lane], slopes.map(|g| g.0[lane])), (energy as f32, gradient.map(|g| g as f32)));
    }
    assert_eq!(library.failure(), None);
}

#[test]
fn what_a_library_says_of_itself_is_read() {
    let library = opened(
        "uint32_t kiln_dimension(void) { return 6; }\n\
         int32_t kiln_energy(void *u, uint32_t r, uint32_t d, const double *x, double *e, double *g) { return 0; }\n\
         const char *kiln_name(void) { return \"three\"; }\n\
         const char *kiln_convention(void) { return \"E = 0, pairs once; \\xc3\\xa9\"; }\n\
         const char *kiln_coordinate(uint32_t at) { static char name[] = \"c0\"; name[1] = '0' + at; return name; }\n\
         void kiln_bounds(double *low, double *high) { low[1] = 0; high[2] = 1.5; }\n\
         void kiln_particles(uint32_t *count, uint32_t *dimensions) { *count = 3; *dimensions = 2; }\n",
    )
    .expect("a library");
    assert_eq!((library.name(), library.convention()), (Some("three"), Some("E = 0, pairs once; é")));
    assert_eq!(library.coordinates().expect("names"), ["c0", "c1", "c2", "c3", "c4", "c5"]);
    let bounds = library.bounds().expect("bounds");
    assert_eq!(bounds[..3], [(f64::NEG_INFINITY, f64::INFINITY), (0.0, f64::INFINITY), (f64::NEG_INFINITY, 1.5)]);
    assert_eq!(Energy::<f64>::symmetry(&library), Symmetry::Particles { count: 3, dimensions: 2 });
}

#[test]
fn what_it_opened_is_handed_to_it_and_closed() {
    // Under valgrind an unclosed one is a leak, and one closed too early an error.
    let library = opened(
        "uint32_t kiln_dimension(void) { return 1; }\n\
         void *kiln_open(void) { double *state = malloc(sizeof *state); *state = 2.5; return state; }\n\
         void kiln_close(void *user) { free(user); }\n\
         int32_t kiln_energy(void *user, uint32_t rows, uint32_t d, const double *x, double *e, double *g) {\n\
           for (uint32_t r = 0; r < rows; r++) e[r] = *(double *)user * x[r];\n\
           return 0;\n\
         }\n",
    )
    .expect("a library");
    assert_eq!(Energy::<f64>::energy(&library, &[2.0]), 5.0);
}

/// Fails with status 9 where two threads are inside at once.
const ALONE: &str = "uint32_t kiln_dimension(void) { return 1; }\n\
    static int inside;\n\
    int32_t kiln_energy(void *u, uint32_t rows, uint32_t d, const double *x, double *e, double *g) {\n\
      int before = __atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST);\n\
      double sum = 0;\n\
      for (int i = 0; i < 20000; i++) sum += sin(i * x[0]);\n\
      for (uint32_t r = 0; r < rows; r++) e[r] = sum;\n\
      __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);\n\
      return before ? 9 : 0;\n\
    }\n";

#[test]
fn no_more_threads_call_it_than_it_takes() {
    let called = |library: &Library| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..20).for_each(|_| assert!(Energy::<f64>::energy(library, &[0.5]) > 0.0)));
            }
        });
    };
    let library = opened(ALONE).expect("a library");
    called(&library);
    assert_eq!(library.failure(), None);
}

#[test]
fn a_call_that_failed_is_the_last_one() {
    let library = opened(
        "uint32_t kiln_dimension(void) { return 1; }\n\
         int32_t kiln_energy(void *u, uint32_t rows, uint32_t d, const double *x, double *e, double *g) {\n\
           static int calls;\n\
           for (uint32_t r = 0; r < rows; r++) { e[r] = ++calls; if (g) g[r] = 1; }\n\
           return x[0] > 5 ? 3 : 0;\n\
         }\n\
         const char *kiln_message(int32_t status) { return status == 3 ? \"the table ends at 5\" : 0; }\n",
    )
    .expect("a library");
    assert_eq!(Energy::<f64>::energy(&library, &[0.0]), 1.0);
    let mut gradient = [1.0];
    assert_eq!(library.energy_and_gradient(&[6.0], &mut gradient), f64::INFINITY);
    assert_eq!((gradient, Energy::<f64>::energy(&library, &[0.0])), ([0.0], f64::INFINITY));
    assert!(Energy::<f64>::stopped(&library));
    assert_eq!(library.failure().expect("a failure").to_string(), "kiln_energy returned status 3: the table ends at 5");
}

#[test]
fn what_cannot_be_is_refused() {
    let told = |source: &str| opened(source).err().expect("an error");
    let energy =
        "int32_t kiln_energy(void *u, uint32_t r, uint32_t d, const double *x, double *e, double *g) { return 0; }\n";
    let with = |rest: &str| told(&format!("{energy}uint32_t kiln_dimension(void) {{ return 4; }}\n{rest}"));
    assert_eq!(told("uint32_t kiln_dimension(void) { return 1; }\n"), LoadError::Missing("kiln_energy"));
    assert_eq!(told(energy), LoadError::Missing("kiln_dimension"));
    assert_eq!(told(&format!("{energy}uint32_t kiln_dimension(void) {{ return 0; }}\n")), LoadError::Dimension(0));
    assert_eq!(with("void *kiln_open(void) { return 0; }\n"), LoadError::NotOpened);
    assert_eq!(with("const char *kiln_name(void) { return 0; }\n"), LoadError::Text("kiln_name"));
    assert_eq!(with("const char *kiln_convention(void) { return \"\\xff\"; }\n"), LoadError::Text("kiln_convention"));
    assert_eq!(
        with("void kiln_particles(uint32_t *n, uint32_t *d) { *n = 3; *d = 2; }\n"),
        LoadError::Particles(3, 2, 4)
    );
    assert_eq!(
        with("void kiln_bounds(double *low, double *high) { low[2] = 1; high[2] = 1; }\n"),
        LoadError::Bounds(2, "1".into(), "1".into())
    );
    let (path, _folder) = built("unsigned kiln_abi(void) { return 2; }\n");
    assert_eq!(Library::open(&path).err(), Some(LoadError::Version(2)));
    let (path, _folder) = built("int nothing;\n");
    assert_eq!(Library::open(&path).err(), Some(LoadError::Missing("kiln_abi")));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("libtext.so");
    std::fs::write(&path, "not a library").expect("to be written");
    let told = Library::open(&path).err().expect("an error").to_string();
    assert!(
        told.starts_with("it is no shared library that this machine can load: ") && !told.contains("/libtext.so: "),
        "{told}"
    );
}
