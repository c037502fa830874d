//! Which device a training runs on.

use crate::error::Error;

/// The number of a CUDA device that this build can use: none without the feature.
#[cfg(feature = "cuda")]
type Ordinal = usize;
#[cfg(not(feature = "cuda"))]
type Ordinal = std::convert::Infallible;

/// The CUDA device that `run.device` names, none for the CPU.
///
/// # Errors
/// If this build or this machine has no such device.
pub fn find_device(device: &str) -> Result<Option<Ordinal>, Error> {
    if device == "cpu" {
        return Ok(None);
    }
    #[cfg(feature = "cuda")]
    {
        let ordinal = device.strip_prefix("cuda:").and_then(|index| index.parse().ok());
        let ordinal = ordinal.ok_or_else(|| no_cuda(device, "it is neither cpu nor cuda:N"))?;
        kiln_gpu::cuda::find(ordinal).map_err(|error| no_cuda(device, error))?;
        Ok(Some(ordinal))
    }
    #[cfg(not(feature = "cuda"))]
    Err(Error::input(
        format!("run.device is \"{device}\", but this kiln was built for the CPU only"),
        "build with `cargo build --features cuda`, or train with --device cpu",
    ))
}

#[cfg(feature = "cuda")]
pub(super) fn no_cuda(device: &str, why: impl std::fmt::Display) -> Error {
    Error::input(format!("cannot train on {device}: {why}"), "train with --device cpu")
}
