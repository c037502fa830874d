//! Targets from shared libraries: an energy in C, C++, Fortran or any language that exports C functions, as `kiln_energy.h` says.

use crate::error::Error;
use crate::files::hash;
use crate::formula::check_name;
use crate::target::Target;
use kiln_explore::Bound;
use kiln_foreign::Library;
use std::path::Path;
use std::sync::Arc;

/// Ends of the names of shared libraries.
const ENDS: [&str; 3] = ["so", "dylib", "dll"];

/// Whether this is meant as a shared library: by its name.
pub fn is_library(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|end| ENDS.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

/// The target that a shared library is. Loading it runs what it does when it is loaded, in this process.
///
/// # Errors
/// If the file cannot be read, is no library, or what it says of itself cannot be.
pub fn target(path: &Path) -> Result<Target, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::file("read", path, error))?;
    // A whole path: the system searches for names elsewhere.
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let library = Library::open(&whole).map_err(|error| {
        Error::input(format!("'{}' is no energy: {error}", path.display()), error.hint().to_string())
    })?;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = library.name().unwrap_or_else(|| stem.strip_prefix("lib").unwrap_or(&stem)).to_string();
    check_name(&name, path)?;
    let told = library.convention().map(|convention| format!(": {convention}")).unwrap_or_default();
    let convention = format!("E of the library {file}, sha256 {}{told}", &hash(&bytes)[..16]);
    let dim = library.dimension();
    let names = library.coordinates().map_or_else(|| (0..dim).map(|at| format!("x{at}")).collect(), <[String]>::to_vec);
    let bound = |(low, high): &(f64, f64)| Bound { low: *low, high: *high };
    let bounds = library.bounds().map_or_else(|| vec![Bound::NONE; dim], |ends| ends.iter().map(bound).collect());
    let library = Arc::new(library);
    let watched = Arc::clone(&library);
    let failure = move || watched.failure().map(ToString::to_string);
    Ok(Target::shared(&name, library)
        .described(&name, &format!("{dim} dimensions"), &convention)
        .failing(failure)
        .with_coordinates(names, bounds)
        .from_file(whole, None))
}
