//! Arrays in and out.

use crate::error::raised;
use numpy::{Element, PyArray1, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// Numbers as an array of that shape.
pub fn array<'py, T: Element>(
    py: Python<'py>,
    numbers: Vec<T>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    PyArray1::from_vec(py, numbers).reshape(shape.to_vec())
}

/// Copies what a caller gave as `what`, which must be numbers of that shape.
pub fn copy(given: &Bound<'_, PyAny>, what: &str, shape: &[usize], out: &mut [f64]) -> PyResult<()> {
    let py = given.py();
    let input = |message: String, hint: String| raised(py, "InputError", &message, &hint);
    let Ok(untyped) = given.cast::<PyUntypedArray>() else {
        let kind = given.get_type().name()?;
        return Err(input(
            format!("{what} is of type {kind}, not a numpy array"),
            "give numpy arrays of float64".into(),
        ));
    };
    if untyped.shape() != shape {
        let [found, wanted] = [untyped.shape(), shape].map(shown);
        return Err(input(format!("{what} has shape {found}, not {wanted}"), format!("give {what} of shape {wanted}")));
    }
    if let Ok(numbers) = given.extract::<PyReadonlyArrayDyn<'_, f64>>() {
        // Row by row, whatever the order in memory: numpy calls columns one after another contiguous too.
        let numbers = numbers.as_array();
        match numbers.as_slice() {
            Some(numbers) => out.copy_from_slice(numbers),
            None => out.iter_mut().zip(numbers).for_each(|(out, number)| *out = *number),
        }
        return Ok(());
    }
    Err(input(
        format!("{what} has numbers of type {}", untyped.dtype()),
        "give float64: in fewer digits differences of energies are noise".into(),
    ))
}

/// Rows of `dim` numbers that a caller gave as `what`, in double or single precision: samples are in single.
pub fn rows(given: &Bound<'_, PyAny>, what: &str, dim: usize) -> PyResult<Vec<f64>> {
    if let Ok(numbers) = given.extract::<PyReadonlyArrayDyn<'_, f32>>()
        && numbers.shape().len() == 2
        && numbers.shape()[1] == dim
    {
        return Ok(numbers.as_array().iter().map(|number| f64::from(*number)).collect());
    }
    let n = given.cast::<PyUntypedArray>().ok().and_then(|array| array.shape().first().copied()).unwrap_or(0);
    let mut out = vec![0.0; n * dim];
    copy(given, what, &[n, dim], &mut out)?;
    Ok(out)
}

/// A shape as Python writes it.
fn shown(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        all => format!("({})", all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}
