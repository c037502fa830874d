//! Opening a library and calling it.

use crate::abi::{KILN_ENERGY_ABI, KILN_ENERGY_DONE};
use crate::gate::Gate;
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Lanes, Scalar as _};
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr::{NonNull, null_mut};
use std::sync::OnceLock;

type Number = unsafe extern "C" fn() -> u32;
type Evaluate = unsafe extern "C" fn(*mut c_void, u32, u32, *const f64, *mut f64, *mut f64) -> i32;
type Open = unsafe extern "C" fn() -> *mut c_void;
type Close = unsafe extern "C" fn(*mut c_void);
type Text = unsafe extern "C" fn() -> *const c_char;
type TextOf<T> = unsafe extern "C" fn(T) -> *const c_char;
type Two<T> = unsafe extern "C" fn(*mut T, *mut T);

/// Coordinates at most: more is a function that returns something else.
const MOST_COORDINATES: u32 = 1 << 20;

/// Why a file is no energy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The system cannot load it.
    #[error("it is no shared library that this machine can load: {0}")]
    NotALibrary(String),
    /// A required function is not there.
    #[error("it has no function {0}")]
    Missing(&'static str),
    /// It is written for another version of the interface.
    #[error("it is written for version {0} of the interface, and this is version {KILN_ENERGY_ABI}")]
    Version(u32),
    /// The number of coordinates cannot be.
    #[error("its kiln_dimension returns {0}")]
    Dimension(u32),
    /// It could not be prepared.
    #[error("its kiln_open returns null: it failed")]
    NotOpened,
    /// A text is null or no UTF-8.
    #[error("its {0} returns no text in UTF-8")]
    Text(&'static str),
    /// The ends of a coordinate leave no room.
    #[error("its kiln_bounds leave no room for coordinate {0}: from {1} to {2}")]
    Bounds(usize, String, String),
    /// Particles that are not all coordinates.
    #[error("its kiln_particles returns {0} particles in {1} dimensions, but there are {2} coordinates")]
    Particles(u32, u32, u32),
}

impl LoadError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotALibrary(_) => "build it for this machine: cc -O3 -shared -fPIC energy.c -o libenergy.so",
            Self::Missing(_) => "kiln_energy.h lists what a library exports; C++ needs extern \"C\", Fortran bind(C)",
            Self::Version(_) => "return KILN_ENERGY_ABI of the kiln_energy.h that comes with this Kiln, and build anew",
            Self::Dimension(_) => "return the number of coordinates of a point, from 1 to 1048576",
            Self::NotOpened => {
                "return a pointer to whatever the energy needs; leave kiln_open out where it needs nothing"
            }
            Self::Text(_) => "return a text that ends with a zero byte and stays where it is",
            Self::Bounds(..) => "the lower end comes first; minus infinity and infinity are no ends",
            Self::Particles(..) => "particles times dimensions are the coordinates; two particles at least",
        }
    }
}

/// That a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kiln_energy returned status {status}{}", message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct Failure {
    /// What it returned.
    pub status: i32,
    /// What the library says of that.
    pub message: Option<String>,
}

/// An energy in a shared library. Once a call has failed it is infinite everywhere, without being called: see [`Library::failure`].
pub struct Library {
    evaluate: Evaluate,
    message: Option<TextOf<i32>>,
    close: Option<Close>,
    user: *mut c_void,
    dim: usize,
    name: Option<String>,
    convention: Option<String>,
    coordinates: Option<Vec<String>>,
    bounds: Option<Vec<(f64, f64)>>,
    symmetry: Symmetry,
    gate: Gate,
    failure: OnceLock<Failure>,
    /// Never unloaded: runtimes of other languages, whose threads may still be there, do not survive that.
    _code: ManuallyDrop<libloading::Library>,
}

// SAFETY: `user` and the functions are only used through `Library::call`, which lets as many threads in at once as the library says that it takes, and one
// after the other from any thread is what every library must take (`kiln_energy.h`).
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

thread_local! {
    /// Points, energies and gradients of a call, row by row.
    static ROWS: RefCell<[Vec<f64>; 3]> = RefCell::default();
}

impl Library {
    /// Loads a library, which runs what it does when it is loaded, and asks it what it is.
    ///
    /// # Errors
    /// If the file is no shared library, lacks a function, or what it says of itself cannot be.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        // SAFETY: loading runs the library's initialisers, which a library that is given as an energy must take; the path is a file and not a name to be searched.
        let code = unsafe { libloading::Library::new(path) };
        let code = ManuallyDrop::new(code.map_err(|error| LoadError::NotALibrary(reason(&error, path)))?);
        let abi: Number = required(&code, "kiln_abi")?;
        // SAFETY: `kiln_abi` takes nothing and returns a number in every version of the interface.
        let version = unsafe { abi() };
        if version != KILN_ENERGY_ABI {
            return Err(LoadError::Version(version));
        }
        let (dimension, evaluate): (Number, Evaluate) =
            (required(&code, "kiln_dimension")?, required(&code, "kiln_energy")?);
        let (open, close): (Option<Open>, Option<Close>) =
            (optional(&code, "kiln_open"), optional(&code, "kiln_close"));
        // SAFETY: the signature is that of this version of the interface; it is called once, before all that follows.
        let user = match open.map(|open| unsafe { open() }) {
            Some(user) => NonNull::new(user).ok_or(LoadError::NotOpened)?.as_ptr(),
            None => null_mut(),
        };
        // SAFETY: the signature is that of this version.
        let dim = unsafe { dimension() };
        if dim == 0 || dim > MOST_COORDINATES {
            return Err(LoadError::Dimension(dim));
        }
        let coordinate: Option<TextOf<u32>> = optional(&code, "kiln_coordinate");
        // SAFETY: the signature is that of this version; coordinates are counted from 0.
        let named =
            |name: TextOf<u32>| (0..dim).map(|at| unsafe { name(at) }).map(|t| text(t, "kiln_coordinate")).collect();
        let threads: Option<Number> = optional(&code, "kiln_threads");
        Ok(Self {
            evaluate,
            message: optional(&code, "kiln_message"),
            close: close.filter(|_| open.is_some()),
            user,
            dim: dim as usize,
            name: told(&code, "kiln_name")?,
            convention: told(&code, "kiln_convention")?,
            coordinates: coordinate.map(named).transpose()?,
            bounds: optional(&code, "kiln_bounds").map(|bounds| ends(bounds, dim as usize)).transpose()?,
            symmetry: optional(&code, "kiln_particles").map_or(Ok(Symmetry::None), |two| particles(two, dim))?,
            // SAFETY: the signature is that of this version.
            gate: Gate::new(threads.map_or(1, |threads| unsafe { threads() })),
            failure: OnceLock::new(),
            _code: code,
        })
    }

    /// Coordinates of a point.
    pub fn dimension(&self) -> usize {
        self.dim
    }

    /// What runs are named after; none where it does not say.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The energy's formula; none where it does not say.
    pub fn convention(&self) -> Option<&str> {
        self.convention.as_deref()
    }

    /// Names of the coordinates; none where it does not say.
    pub fn coordinates(&self) -> Option<&[String]> {
        self.coordinates.as_deref()
    }

    /// Lower and upper end of each coordinate; none where it does not say.
    pub fn bounds(&self) -> Option<&[(f64, f64)]> {
        self.bounds.as_deref()
    }

    /// The first call that failed; none as long as none did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// Energies (rows) of points x (rows, dim), and their gradients (rows, dim) where they are wanted, in one call.
    ///
    /// # Panics
    /// If the slices are not equally many whole rows.
    pub fn call(&self, x: &[f64], energies: &mut [f64], mut gradients: Option<&mut [f64]>) {
        let rows = energies.len();
        assert_eq!(x.len(), rows * self.dim, "points");
        assert!(gradients.as_ref().is_none_or(|gradients| gradients.len() == x.len()), "gradients");
        let count = u32::try_from(rows).unwrap_or_else(|_| panic!("{rows} rows in one call"));
        let into = gradients.as_mut().map_or(null_mut(), |gradients| gradients.as_mut_ptr());
        let status = if self.failure.get().is_some() {
            None
        } else {
            let _turn = self.gate.enter();
            // SAFETY: the signature is that of this version; `x` and `energies` are as long as `rows` and `dim` say, and so is the
            // gradient where it is not null, which nothing else can reach while `gradients` is borrowed here.
            Some(unsafe { (self.evaluate)(self.user, count, self.dim as u32, x.as_ptr(), energies.as_mut_ptr(), into) })
        };
        if status != Some(KILN_ENERGY_DONE) {
            if let Some(status) = status {
                self.failure.get_or_init(|| Failure { status, message: self.told(status) });
            }
            energies.fill(f64::INFINITY);
            if let Some(gradients) = gradients {
                gradients.fill(0.0);
            }
        }
    }

    /// What the library says of a status.
    fn told(&self, status: i32) -> Option<String> {
        // SAFETY: the signature is that of this version.
        let told = unsafe { self.message?(status) };
        text(told, "kiln_message").ok()
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        if let Some(close) = self.close {
            // SAFETY: `user` is what `kiln_open` returned, and nobody uses it any more.
            unsafe { close(self.user) };
        }
    }
}

impl Energy<f64> for Library {
    fn dim(&self) -> usize {
        self.dim
    }

    fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut energy = [0.0];
        self.call(x, &mut energy, Some(gradient));
        energy[0]
    }

    fn energy(&self, x: &[f64]) -> f64 {
        let mut energy = [0.0];
        self.call(x, &mut energy, None);
        energy[0]
    }

    fn symmetry(&self) -> Symmetry {
        self.symmetry
    }

    fn stopped(&self) -> bool {
        self.failure.get().is_some()
    }
}

impl Library {
    /// A call with a row a lane.
    fn lanes<const L: usize>(&self, x: &[Lanes<L>], gradient: Option<&mut [Lanes<L>]>) -> Lanes<L> {
        ROWS.with_borrow_mut(|[points, energies, gradients]| {
            let dim = self.dim;
            points.resize(L * dim, 0.0);
            energies.resize(L, 0.0);
            for (at, x) in x.iter().enumerate() {
                for (row, x) in points.chunks_exact_mut(dim).zip(x.0) {
                    row[at] = f64::from(x);
                }
            }
            match gradient {
                None => self.call(points, energies, None),
                Some(gradient) => {
                    gradients.resize(L * dim, 0.0);
                    self.call(points, energies, Some(gradients));
                    for (at, gradient) in gradient.iter_mut().enumerate() {
                        for (row, slope) in gradients.chunks_exact(dim).zip(&mut gradient.0) {
                            *slope = row[at] as f32;
                        }
                    }
                }
            }
            Lanes::from_lanes(|lane| energies[lane] as f32)
        })
    }
}

impl<const L: usize> Energy<Lanes<L>> for Library {
    fn dim(&self) -> usize {
        self.dim
    }

    fn energy_and_gradient(&self, x: &[Lanes<L>], gradient: &mut [Lanes<L>]) -> Lanes<L> {
        self.lanes(x, Some(gradient))
    }

    fn energy(&self, x: &[Lanes<L>]) -> Lanes<L> {
        self.lanes(x, None)
    }

    fn symmetry(&self) -> Symmetry {
        self.symmetry
    }

    fn stopped(&self) -> bool {
        self.failure.get().is_some()
    }
}

/// A function that must be there.
fn required<T: Copy>(code: &libloading::Library, name: &'static str) -> Result<T, LoadError> {
    optional(code, name).ok_or(LoadError::Missing(name))
}

/// A function that may be there.
fn optional<T: Copy>(code: &libloading::Library, name: &str) -> Option<T> {
    // SAFETY: callers name the type that this version of the interface gives the function; the code is never unloaded.
    unsafe { code.get::<T>(name.as_bytes()) }.ok().map(|symbol| *symbol)
}

/// What a function of no arguments says, where there is one.
fn told(code: &libloading::Library, name: &'static str) -> Result<Option<String>, LoadError> {
    let function: Option<Text> = optional(code, name);
    // SAFETY: the signature is that of this version.
    function.map(|function| text(unsafe { function() }, name)).transpose()
}

/// A text of the library.
fn text(told: *const c_char, of: &'static str) -> Result<String, LoadError> {
    if told.is_null() {
        return Err(LoadError::Text(of));
    }
    // SAFETY: it is not null, and ends with a zero byte (`kiln_energy.h`).
    unsafe { CStr::from_ptr(told) }.to_str().map(String::from).map_err(|_| LoadError::Text(of))
}

fn ends(bounds: Two<f64>, dim: usize) -> Result<Vec<(f64, f64)>, LoadError> {
    let (mut low, mut high) = (vec![f64::NEG_INFINITY; dim], vec![f64::INFINITY; dim]);
    // SAFETY: the signature is that of this version, and both have room for `dim` numbers.
    unsafe { bounds(low.as_mut_ptr(), high.as_mut_ptr()) };
    let ends: Vec<(f64, f64)> = low.into_iter().zip(high).collect();
    match ends.iter().position(|(low, high)| low.is_nan() || high.is_nan() || low >= high) {
        Some(at) => Err(LoadError::Bounds(at, ends[at].0.to_string(), ends[at].1.to_string())),
        None => Ok(ends),
    }
}

fn particles(two: Two<u32>, dim: u32) -> Result<Symmetry, LoadError> {
    let (mut count, mut dimensions) = (0, 0);
    // SAFETY: the signature is that of this version, and both are there.
    unsafe { two(&raw mut count, &raw mut dimensions) };
    let symmetry = Symmetry::Particles { count: count as usize, dimensions: dimensions as usize };
    match symmetry.fitting(dim as usize) {
        Symmetry::None => Err(LoadError::Particles(count, dimensions, dim)),
        fitting => Ok(fitting),
    }
}

/// What the system says, without the path that it begins with.
fn reason(error: &libloading::Error, path: &Path) -> String {
    let mut whole = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        whole = deeper.to_string();
        source = deeper.source();
    }
    let place = path.display().to_string();
    whole.replace(&format!("{place}: "), "")
}
