//! CUDA devices: every operation in dfdx's own until a kernel beats them, and how a device is opened. dfdx panics where
//! there is none: the driver is asked first.

use super::{Backend, Scratch, plain};
use crate::kernel::adam::AdamStep;
use crate::tensor::{Cuda, Grads, Matrix, matrix, shape};

/// Why a CUDA device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// The driver does not answer.
    #[error("the NVIDIA driver cannot be used ({0})")]
    Driver(String),
    /// The machine has fewer devices.
    #[error("the machine has {0} CUDA device(s)")]
    Absent(usize),
}

fn driver(error: &dyn std::fmt::Debug) -> CudaError {
    CudaError::Driver(format!("{error:?}"))
}

/// Whether there is a CUDA device of that number.
///
/// # Errors
/// If the driver does not answer, or there is no such device.
pub fn find(ordinal: usize) -> Result<(), CudaError> {
    cudarc::driver::result::init().map_err(|error| driver(&error))?;
    let count = cudarc::driver::CudaDevice::count().map_err(|error| driver(&error))?;
    let count = usize::try_from(count).unwrap_or(0);
    if ordinal < count { Ok(()) } else { Err(CudaError::Absent(count)) }
}

/// The CUDA device of that number.
///
/// # Errors
/// As [`find`].
pub fn open(ordinal: usize) -> Result<Cuda, CudaError> {
    find(ordinal)?;
    Cuda::try_build(ordinal, 0).map_err(|error| driver(&error))
}

impl Backend for Cuda {
    type Moment = Matrix<Self>;

    fn moment(parameter: &Matrix<Self>, values: Vec<f32>) -> Matrix<Self> {
        matrix(parameter.device(), values, shape(parameter))
    }

    fn moment_values(moment: &Matrix<Self>) -> Vec<f32> {
        moment.as_vec()
    }

    fn gradient_square_sum(parameter: &Matrix<Self>, gradients: &mut Grads<Self>) -> f64 {
        plain::gradient_square_sum(parameter, gradients)
    }

    fn adam(
        step: &AdamStep,
        parameter: &mut Matrix<Self>,
        first: &mut Matrix<Self>,
        second: &mut Matrix<Self>,
        gradients: &mut Grads<Self>,
        _scratch: &Scratch,
    ) {
        plain::adam(step, parameter, first, second, gradients);
    }
}
