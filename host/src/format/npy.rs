//! NumPy's `.npy`.

use super::invalid;
use crate::engine::Samples;
use npyz::WriterBuilder;
use std::io::{self, Read, Write};

/// Writes an array of shape (n, dim), float32.
pub fn write(samples: &Samples, out: impl Write) -> io::Result<()> {
    let shape = [samples.len() as u64, samples.dim as u64];
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(out).begin_nd()?;
    writer.extend(samples.data.iter().copied())?;
    writer.finish()
}

/// Reads an array of shape (n, dim) of float32 or float64.
pub fn read(input: impl Read) -> io::Result<Samples> {
    from_array(npyz::NpyFile::new(input)?)
}

pub(super) fn from_array<R: Read>(file: npyz::NpyFile<R>) -> io::Result<Samples> {
    let &[n, dim] = file.shape() else { return Err(invalid(format!("its shape is {:?}, not (n, dim)", file.shape()))) };
    if file.order() != npyz::Order::C {
        return Err(invalid("it is in Fortran order"));
    }
    let n_values = n.checked_mul(dim).ok_or_else(|| invalid("its shape is too large"))?;
    let data: Vec<f32> = match file.try_data::<f32>() {
        Ok(values) => values.collect::<io::Result<_>>()?,
        Err(file) => {
            let values = file
                .try_data::<f64>()
                .map_err(|file| invalid(format!("its type is {:?}, not a float", file.dtype().descr())))?;
            values.map(|value| value.map(|value| value as f32)).collect::<io::Result<_>>()?
        }
    };
    if data.len() as u64 != n_values || dim == 0 {
        return Err(invalid("it holds fewer numbers than its shape says"));
    }
    Ok(Samples { dim: dim as usize, data })
}
