//! From a draft to a tape: data is loaded, names are given their meaning, and the energy is unrolled.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kiln_core::symmetry::Symmetry;

use crate::error::{Checked, Fault, Span, suggestion};
use crate::file::{Draft, Entry, Given};
use crate::functions::Function;
use crate::graph::Id;
use crate::syntax::Expr;
use crate::tape::{Tape, lay_out};
use crate::unroll::{LARGEST, Unroller};
use crate::value::{Array, Table, Value};

/// Coordinates of one energy, at most.
const MOST_COORDINATES: usize = 1_000_000;

/// Reads a data file of a formula.
pub(crate) type Load<'a> = &'a dyn Fn(&Path) -> Result<Array, String>;

/// All that is known of a formula.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) names: Vec<String>,
    pub(crate) bounds: Vec<(f64, f64)>,
    pub(crate) symmetry: Symmetry,
    pub(crate) truth: Option<PathBuf>,
    pub(crate) tape: Tape,
}

/// The model of a draft whose data lies in a folder.
pub(crate) fn build(draft: Draft, folder: &Path, default_name: &str, load: Load<'_>) -> Checked<Model> {
    let mut unroller = Unroller::default();
    for (name, value) in [("pi", std::f64::consts::PI), ("inf", f64::INFINITY)] {
        let id = unroller.graph.constant(value);
        unroller.names.insert(name.to_owned(), Value::Number(id));
    }
    for entry in &draft.data {
        let value = load_data(&mut unroller, entry, folder, load)?;
        name(&mut unroller, entry, value)?;
    }
    unroller.later = draft.constants.iter().map(|entry| entry.name.clone()).collect();
    for entry in &draft.constants {
        let value = constant(&mut unroller, &entry.value, entry.value_at)?;
        name(&mut unroller, entry, value)?;
    }

    let particles = match &draft.particles {
        Some((count, dimensions, at)) => {
            let (count, dimensions) = (size(&mut unroller, count)?, size(&mut unroller, dimensions)?);
            if count < 2 {
                return Fault::err(
                    *at,
                    "one particle is no symmetry",
                    "leave [particles] out, or give a count of 2 or more",
                );
            }
            Some((count, dimensions, *at))
        }
        None => None,
    };
    let parts =
        draft.parts.iter().map(|entry| Ok((entry, size(&mut unroller, &entry.value)?))).collect::<Checked<Vec<_>>>()?;
    let dimension = dimension(&mut unroller, &draft, particles, &parts)?;

    let inputs: Rc<[Id]> = (0..dimension).map(|k| unroller.graph.input(k)).collect();
    unroller.inputs = inputs.clone();
    unroller.particles = particles.map(|(count, dimensions, _)| (count, dimensions));
    let whole = unroller.graph.constant(dimension as f64);
    unroller.names.insert("dimension".to_owned(), Value::Number(whole));
    unroller.names.insert("x".to_owned(), Value::Vector(inputs.clone()));
    let mut places: HashMap<String, std::ops::Range<usize>> = HashMap::from([("x".to_owned(), 0..dimension)]);
    let mut names: Vec<String> = (0..dimension).map(|k| format!("x[{k}]")).collect();
    let mut at = 0;
    for (entry, count) in parts {
        let items = &inputs[at..at + count];
        let value = if count == 1 { Value::Number(items[0]) } else { Value::Vector(items.into()) };
        name(&mut unroller, entry, value)?;
        for (k, own) in names[at..at + count].iter_mut().enumerate() {
            *own = if count == 1 { entry.name.clone() } else { format!("{}[{k}]", entry.name) };
        }
        places.insert(entry.name.clone(), at..at + count);
        at += count;
    }
    let bounds = bounds(&mut unroller, &draft.bounds, &places, &names)?;

    unroller.later = draft.definitions.iter().map(|entry| entry.name.clone()).collect();
    for entry in &draft.definitions {
        let value = unroller.evaluate(&entry.value)?;
        name(&mut unroller, entry, value)?;
    }
    let Some((energy, negative)) = &draft.energy else {
        return Fault::err(
            Span::default(),
            "the file has no energy",
            "add energy = \"…\", or log_density = \"…\", above the first [table]",
        );
    };
    let mut root = unroller.number(energy)?;
    if *negative {
        root = unroller.graph.scale(root, -1.0);
    }
    if unroller.graph.size > LARGEST {
        return Fault::err(
            energy.span,
            "the formula is too large: written out, it has more than 2,000,000 operations",
            "shorten its index ranges or its data, or write the energy in Rust",
        );
    }
    if let Some(value) = unroller.graph.fixed(root) {
        return Fault::err(
            energy.span,
            format!("the energy is {value} at every point"),
            "it must depend on x, or on one of the [parts]",
        );
    }
    let symmetry = match particles {
        Some((count, dimensions, _)) => Symmetry::Particles { count, dimensions },
        None => Symmetry::None,
    };
    Ok(Model {
        name: draft.name.unwrap_or_else(|| default_name.to_owned()),
        names,
        bounds,
        symmetry,
        truth: draft.truth.map(|file| folder.join(file)),
        tape: lay_out(&unroller.graph, root, dimension),
    })
}

/// Gives a name its meaning, which must be its only one.
fn name<T>(unroller: &mut Unroller, entry: &Entry<T>, value: Value) -> Checked<()> {
    let name = entry.name.as_str();
    let mut letters = name.chars();
    let sound = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_');
    if !sound {
        return Fault::err(
            entry.at,
            format!("`{name}` is not a name"),
            "names begin with a letter and go on with letters, digits and _",
        );
    }
    let function = Function::named(name).is_some() || crate::unroll::functions().any(|known| known == name);
    if function || matches!(name, "and" | "or" | "not" | "in" | "x" | "dimension" | "pi" | "inf") {
        let what = if function { "a function" } else { "something else" };
        return Fault::err(entry.at, format!("`{name}` is the name of {what} already"), "choose another name");
    }
    if unroller.names.insert(name.to_owned(), value).is_some() {
        return Fault::err(
            entry.at,
            format!("the name `{name}` is given twice"),
            "every name has one meaning in a file",
        );
    }
    Ok(())
}

fn load_data(unroller: &mut Unroller, entry: &Entry<String>, folder: &Path, load: Load<'_>) -> Checked<Value> {
    let file = &entry.value;
    let refuse = |message: String, hint: &str| Err(Fault::new(entry.value_at, message, hint));
    let array = match load(&folder.join(file)) {
        Ok(array) => array,
        Err(reason) => {
            return refuse(
                format!("the data file {file} cannot be read: {reason}"),
                "data files lie beside the formula file",
            );
        }
    };
    if array.shape.iter().product::<usize>() != array.data.len() || array.data.is_empty() {
        return refuse(
            format!("the data file {file} holds no numbers of a definite shape"),
            "it is a vector or a table",
        );
    }
    if let Some(place) = array.data.iter().position(|value| !value.is_finite()) {
        let row = place / array.shape.get(1).copied().unwrap_or(1);
        return refuse(format!("the data file {file} holds {} in row {row}", array.data[place]), "data must be finite");
    }
    match array.shape.as_slice() {
        [_] => Ok(Value::Vector(array.data.iter().map(|value| unroller.graph.constant(*value)).collect())),
        [rows, columns] => Ok(Value::Table(Table { rows: *rows, columns: *columns, data: array.data.into() })),
        shape => refuse(
            format!("the data file {file} has {} axes", shape.len()),
            "data is a vector or a table: one axis or two",
        ),
    }
}

/// A constant: a number, a vector or a table.
fn constant(unroller: &mut Unroller, given: &Given, at: Span) -> Checked<Value> {
    let items = match given {
        Given::Formula(tree) => {
            let value = unroller.evaluate(tree)?;
            return match value {
                Value::Number(_) => Ok(value),
                other => other.number(tree.span).map(Value::Number),
            };
        }
        Given::Array(items) => items,
    };
    let Some((first, _)) = items.first() else {
        return Fault::err(at, "the array is empty", "arrays are [1, 2, 3] or [[1, 2], [3, 4]]");
    };
    let numbers = |unroller: &mut Unroller, items: &[(Given, Span)]| {
        let number = |(item, at): &(Given, Span)| match item {
            Given::Formula(tree) => unroller.constant(tree),
            Given::Array(_) => {
                Fault::err(*at, "an array stands among numbers", "arrays are [1, 2, 3] or [[1, 2], [3, 4]]")
            }
        };
        items.iter().map(number).collect::<Checked<Vec<f64>>>()
    };
    let Given::Array(first) = first else {
        let data = numbers(unroller, items)?;
        return Ok(Value::Vector(data.iter().map(|value| unroller.graph.constant(*value)).collect()));
    };
    let columns = first.len();
    let mut data = Vec::new();
    for (row, at) in items {
        let row = match row {
            Given::Array(row) => numbers(unroller, row)?,
            Given::Formula(_) => return Fault::err(*at, "a number stands among rows", "tables are [[1, 2], [3, 4]]"),
        };
        if row.len() != columns || columns == 0 {
            return Fault::err(
                *at,
                format!("this row has {} numbers, the first has {columns}", row.len()),
                "all rows of a table have equal lengths",
            );
        }
        data.extend(row);
    }
    Ok(Value::Table(Table { rows: items.len(), columns, data: data.into() }))
}

/// How many of something: a whole number from 1.
fn size(unroller: &mut Unroller, tree: &Expr) -> Checked<usize> {
    let value = unroller.constant(tree)?;
    if value.fract() != 0.0 || !(1.0..=MOST_COORDINATES as f64).contains(&value) {
        return Fault::err(
            tree.span,
            format!("this is {value}; a whole number from 1 is needed here"),
            "such as 10, or columns(X)",
        );
    }
    Ok(value as usize)
}

/// The number of coordinates, from whatever says it.
fn dimension(
    unroller: &mut Unroller,
    draft: &Draft,
    particles: Option<(usize, usize, Span)>,
    parts: &[(&Entry<Expr>, usize)],
) -> Checked<usize> {
    let of_parts: usize = parts.iter().map(|(_, count)| count).sum();
    let said = match (&draft.dimension, particles) {
        (Some(tree), _) => Some(size(unroller, tree)?),
        (None, Some((count, dimensions, _))) => Some(count * dimensions),
        (None, None) if of_parts > 0 => Some(of_parts),
        (None, None) => None,
    };
    let Some(dimension) = said else {
        return Fault::err(
            Span::default(),
            "the file does not say how many coordinates there are",
            "add dimension = 10, or dimension = \"columns(X)\", above the first [table]",
        );
    };
    if dimension > MOST_COORDINATES {
        let at = draft.dimension.as_ref().map(|tree| tree.span).or(particles.map(|(_, _, at)| at));
        let message = format!("{dimension} coordinates are too many");
        return Fault::err(at.unwrap_or_default(), message, format!("there may be up to {MOST_COORDINATES}"));
    }
    if let Some((count, dimensions, at)) = particles
        && count * dimensions != dimension
    {
        let message =
            format!("{count} particles of {dimensions} coordinates are {}, not {dimension}", count * dimensions);
        return Fault::err(at, message, "leave `dimension` out where there are [particles]");
    }
    if let (Some((last, _)), true) = (parts.last(), of_parts > 0 && of_parts != dimension) {
        let message = format!("the parts have {of_parts} coordinates together, x has {dimension}");
        return Fault::err(last.at, message, "parts name all of x in its order; or leave `dimension` out");
    }
    Ok(dimension)
}

/// Bounds of every coordinate.
fn bounds(
    unroller: &mut Unroller,
    given: &[Entry<[Expr; 2]>],
    places: &HashMap<String, std::ops::Range<usize>>,
    names: &[String],
) -> Checked<Vec<(f64, f64)>> {
    let mut all = vec![(f64::NEG_INFINITY, f64::INFINITY); names.len()];
    for entry in given {
        let compact: String = entry.name.chars().filter(|c| !c.is_whitespace()).collect();
        let by_number = compact.strip_prefix("x[").and_then(|rest| rest.strip_suffix(']')).and_then(|k| k.parse().ok());
        let alone = names.iter().position(|name| *name == compact).or(by_number).filter(|k| *k < names.len());
        let place = match (places.get(&compact), alone) {
            (Some(place), _) => place.clone(),
            (None, Some(k)) => k..k + 1,
            (None, None) => {
                let known: Vec<&str> = places.keys().chain(names).map(String::as_str).collect();
                return Fault::err(
                    entry.at,
                    format!("there is no coordinate `{}`", entry.name),
                    suggestion(
                        &compact,
                        &known,
                        "bounds are of x, of a part, or of one coordinate in quotes: \"x[0]\"",
                    ),
                );
            }
        };
        let (low, high) = (unroller.constant(&entry.value[0])?, unroller.constant(&entry.value[1])?);
        if low >= high || low.is_nan() || high.is_nan() {
            return Fault::err(
                entry.value_at,
                format!("the bounds of `{}` leave no room: {low} to {high}", entry.name),
                "bounds are [low, high], the lower one first",
            );
        }
        all[place].fill((low, high));
    }
    Ok(all)
}
