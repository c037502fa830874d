//! # kiln-formula
//!
//! An energy written as a formula in a TOML file, as something that samplers run: [`Formula`] reads the file, and is a
//! [`kiln_core::Energy`] in `f64`, `f32` and packs of 16 lanes, with its gradient.
//!
//! ```
//! use kiln_core::Energy;
//! use kiln_formula::Formula;
//!
//! let text = r#"
//! name = "funnel"
//! energy = "v^2/18 + sum(i in 0..9: y[i]^2 * exp(-v) + v) / 2"
//! [parts]
//! v = 1
//! y = 9
//! "#;
//! let funnel = Formula::parse(text, "funnel.toml", &|_| Err("no data here".to_owned())).expect("a sound formula");
//! let mut gradient = [0.0; 10];
//! assert_eq!(funnel.energy_and_gradient(&[0.0; 10], &mut gradient), 0.0);
//! assert_eq!(gradient[0], 4.5);
//! ```
//!
//! The language is in `docs/formula.md`. How it works: text becomes words (`lexer`), words a tree (`parser`), the tree is
//! written out into a graph of values without names, indices or vectors (`unroll`, `graph`), and the graph is laid out as a
//! tape of runs (`tape`), on which values go forward and slopes go back (`forward`, `reverse`).
//!
//! # Guarantees
//! - Whatever is wrong with a file is told with its place, in one sentence, with a hint: [`FormulaError`]. No file makes
//!   this crate panic, and a formula that is too large is refused.
//! - An evaluation does not allocate once its thread has evaluated as large a formula before.
//! - A lane has the bits of the same formula in `f32`; the order of all sums is fixed.
//! - What a condition leaves out does not show, in the energy or in the gradient, whatever it is.
//! - No `unsafe` code.
//!
//! # Non-goals
//! - No file formats: who reads a formula gives a function that reads its data.
//! - No loops at run time, no functions of users, no derivatives above the first.
#![forbid(unsafe_code)]

mod error;
mod file;
mod forward;
mod functions;
mod graph;
mod lexer;
mod model;
mod number;
mod parser;
mod reverse;
mod syntax;
mod tape;
mod text;
mod unroll;
mod value;

use std::path::Path;
use std::sync::Arc;

use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Lanes};

pub use error::FormulaError;
pub use value::Array;

use model::Model;
use number::Number;

/// An energy from a formula file. Copies share what was read.
#[derive(Clone, Debug)]
pub struct Formula {
    model: Arc<Model>,
}

impl Formula {
    /// Reads a formula file; `load` reads its data files, whose paths are those beside the formula file.
    pub fn read(path: &Path, load: &dyn Fn(&Path) -> Result<Array, String>) -> Result<Self, FormulaError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &file, load),
            Err(reason) => Err(FormulaError::whole(
                &file,
                format!("the formula file cannot be read: {reason}"),
                "a formula file is text in TOML, such as funnel.toml".to_owned(),
            )),
        }
    }

    /// The formula of a text. `file` is its name in errors, and the path that data files are looked for beside.
    pub fn parse(text: &str, file: &str, load: &dyn Fn(&Path) -> Result<Array, String>) -> Result<Self, FormulaError> {
        let path = Path::new(file);
        let folder = path.parent().unwrap_or(Path::new(""));
        let stem = path.file_stem().map_or_else(|| "formula".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let model = file::read(text).and_then(|draft| model::build(draft, folder, &stem, load));
        match model {
            Ok(model) => Ok(Self { model: Arc::new(model) }),
            Err(fault) => Err(FormulaError::locate(fault, file, text)),
        }
    }

    /// What the file calls it; the file's own name where it has none.
    pub fn name(&self) -> &str {
        &self.model.name
    }

    /// The number of coordinates.
    pub fn dimension(&self) -> usize {
        self.model.tape.dimension
    }

    /// The coordinates' names in their order, such as `v`, `y[0]`, `y[1]`; without parts `x[0]`, `x[1]`.
    pub fn coordinate_names(&self) -> &[String] {
        &self.model.names
    }

    /// The interval of every coordinate, infinite where the file gives no bounds. The energy does not apply them.
    pub fn bounds(&self) -> &[(f64, f64)] {
        &self.model.bounds
    }

    /// What leaves the energy unchanged, as the file says.
    pub fn symmetry(&self) -> Symmetry {
        self.model.symmetry
    }

    /// Where the file says that exact samples are.
    pub fn truth(&self) -> Option<&Path> {
        self.model.truth.as_deref()
    }

    /// Operations of one energy: what an evaluation costs, up to what each operation costs.
    pub fn operations(&self) -> usize {
        self.model.tape.operations()
    }

    fn forward<S: Number>(&self, x: &[S]) -> S {
        let tape = &self.model.tape;
        assert_eq!(x.len(), tape.dimension, "a point must have as many coordinates as the energy");
        S::with_scratch(|scratch| forward::forward(tape, x, room(&mut scratch.values, tape.slots)))
    }

    fn forward_and_reverse<S: Number>(&self, x: &[S], gradient: &mut [S]) -> S {
        let tape = &self.model.tape;
        let fits = x.len() == tape.dimension && gradient.len() == tape.dimension;
        assert!(fits, "a point must have as many coordinates as the energy");
        S::with_scratch(|scratch| {
            let values = room(&mut scratch.values, tape.slots);
            let slopes = room(&mut scratch.slopes, tape.slots);
            let energy = forward::forward(tape, x, values);
            reverse::reverse(tape, values, slopes);
            gradient.copy_from_slice(&slopes[..tape.dimension]);
            energy
        })
    }
}

/// The first so many of a buffer, which grows where it is shorter.
fn room<S: Number>(buffer: &mut Vec<S>, slots: usize) -> &mut [S] {
    if buffer.len() < slots {
        buffer.resize(slots, S::zero());
    }
    &mut buffer[..slots]
}

macro_rules! energy {
    ($($type:ty),*) => {$(
        impl Energy<$type> for Formula {
            fn dim(&self) -> usize {
                self.dimension()
            }
            fn energy_and_gradient(&self, x: &[$type], gradient: &mut [$type]) -> $type {
                self.forward_and_reverse(x, gradient)
            }
            fn energy(&self, x: &[$type]) -> $type {
                self.forward(x)
            }
            fn symmetry(&self) -> Symmetry {
                self.model.symmetry
            }
        }
    )*};
}
energy!(f64, f32, Lanes<16>);
