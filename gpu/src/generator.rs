//! The generator: a deterministic function of a Gaussian latent.
//!
//! - For coordinates without a symmetry: x = skip z[..dim] + scale mlp(features(z)). features(z) holds z and, for each
//!   number of z and each threshold c, +1 where z > c and -1 elsewhere: the map may jump, so it needs no filaments between
//!   modes.
//! - For particles: x = c p + scale egnn(h, c p), where p is z[..dim] without its mean over particles and c = skip (1 where
//!   that is 0, and then x has no direct part). The rest of z belongs to the particles in equal parts; h_i holds particle i's
//!   part and its threshold features. The distribution of x is invariant under rotation, reflection and permutation.

use crate::backend::Backend;
use crate::body::{Body, Net};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::egnn::{Egnn, EgnnSpec, EgnnSpecError};
use crate::layer::Layer;
use crate::mlp::Mlp;
use crate::parameters::{Network, Parameter, ParameterMut};
use crate::posterior::mean_free;
use crate::{Matrix, Taped};
use dfdx::prelude::*;
use kiln_core::symmetry::Symmetry;

/// Version of the file format.
const FORMAT: &str = "1";
/// What names of an EGNN's texts begin with.
const EGNN_PREFIX: &str = "egnn.";
/// Rows that are sampled at once: bounds the memory for features.
const SLAB: usize = 16_384;

/// The shape of a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorSpec {
    /// Numbers a sample has.
    pub dim: usize,
    /// Numbers a latent has; at least `dim`.
    pub latent: usize,
    /// Thresholds on each latent number (with particles: on those that are no coordinates); none for a continuous map.
    pub thresholds: Vec<f32>,
    /// Factor on the latent's part.
    pub skip: f32,
    /// Factor on the network's part.
    pub scale: f32,
    /// The network. An EGNN's `node_inputs` are [`GeneratorSpec::node_inputs`].
    pub body: Body,
}

/// Why a [`GeneratorSpec`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A size is zero.
    #[error("dim, hidden and depth must be at least 1")]
    Empty,
    /// The latent is too small.
    #[error("the latent must have at least as many numbers as a sample")]
    Latent,
    /// Particles and latent do not fit.
    #[error("beside dim numbers the latent must have equally many for each particle")]
    Particles,
    /// Not finite.
    #[error("thresholds, skip and scale must be finite")]
    NonFinite,
    /// More numbers than fit in memory.
    #[error("the network is too large")]
    TooLarge,
    /// No equivariant network.
    #[error(transparent)]
    Egnn(#[from] EgnnSpecError),
}

impl GeneratorSpec {
    /// # Errors
    /// If no generator can have this shape.
    pub fn check(&self) -> Result<(), SpecError> {
        /// No layer is wider: products of two widths fit everywhere.
        const WIDEST: usize = 1 << 20;
        if self.dim == 0 {
            return Err(SpecError::Empty);
        }
        if self.latent < self.dim {
            return Err(SpecError::Latent);
        }
        if !self.thresholds.iter().chain([&self.skip, &self.scale]).all(|x| x.is_finite()) {
            return Err(SpecError::NonFinite);
        }
        let inputs = self.latent.checked_mul(1 + self.thresholds.len());
        if inputs.is_none_or(|n| n > WIDEST) {
            return Err(SpecError::TooLarge);
        }
        match &self.body {
            Body::Mlp { hidden: 0, .. } | Body::Mlp { depth: 0, .. } => Err(SpecError::Empty),
            Body::Mlp { hidden, depth } if *hidden > WIDEST || *depth > 1000 => Err(SpecError::TooLarge),
            Body::Mlp { .. } => Ok(()),
            Body::Egnn(egnn) => {
                egnn.check()?;
                let own = self.latent - self.dim;
                let fits = egnn.particles * egnn.dimensions == self.dim
                    && own.is_multiple_of(egnn.particles)
                    && egnn.node_inputs == Self::node_inputs(own / egnn.particles, self.thresholds.len());
                if fits { Ok(()) } else { Err(SpecError::Particles) }
            }
        }
    }

    /// Inputs, hidden widths and outputs of an MLP.
    fn widths(&self, hidden: usize, depth: usize) -> Vec<usize> {
        let mut widths = vec![hidden; depth + 2];
        widths[0] = self.latent * (1 + self.thresholds.len());
        widths[depth + 1] = self.dim;
        widths
    }

    /// How many trained numbers its network has.
    pub fn numbers(&self) -> usize {
        match &self.body {
            Body::Mlp { hidden, depth } => self.widths(*hidden, *depth).windows(2).map(|w| (w[0] + 1) * w[1]).sum(),
            Body::Egnn(egnn) => egnn.numbers(),
        }
    }

    /// The same with a network of another hidden width and depth.
    #[must_use]
    pub fn resized(&self, hidden: usize, depth: usize) -> Self {
        let body = match &self.body {
            Body::Mlp { .. } => Body::Mlp { hidden, depth },
            Body::Egnn(egnn) => Body::Egnn(EgnnSpec { hidden, layers: depth, ..egnn.clone() }),
        };
        Self { body, ..self.clone() }
    }

    /// Node inputs of an EGNN whose particles have `own` latent numbers each; a constant 1 where there are none.
    pub fn node_inputs(own: usize, thresholds: usize) -> usize {
        (own * (1 + thresholds)).max(1)
    }
}

/// The network's input for latents (rows, `latent`): [z_0, …, z_{latent-1}, then ±1 at latent + i K + k for
/// number i and threshold k].
///
/// # Panics
/// If `z` is not a whole number of latents.
pub fn features(thresholds: &[f32], latent: usize, z: &[f32]) -> Vec<f32> {
    assert_eq!(z.len() % latent, 0, "latents");
    let mut all = Vec::with_capacity(z.len() * (1 + thresholds.len()));
    for z in z.chunks_exact(latent) {
        all.extend_from_slice(z);
        all.extend(z.iter().flat_map(|z| thresholds.iter().map(move |c| if z > c { 1.0 } else { -1.0 })));
    }
    all
}

/// A generator.
#[derive(Clone, Debug)]
pub struct Generator<D: Backend> {
    spec: GeneratorSpec,
    net: Net<D>,
}

impl<D: Backend> Generator<D> {
    /// A generator initialised from uniform draws in (0, 1).
    ///
    /// # Errors
    /// If `spec` is not the shape of a generator.
    pub fn new(device: &D, spec: GeneratorSpec, uniform: &mut impl FnMut() -> f32) -> Result<Self, SpecError> {
        spec.check()?;
        let net = match &spec.body {
            Body::Mlp { hidden, depth } => Net::Mlp(Mlp::new(device, &spec.widths(*hidden, *depth), uniform)),
            Body::Egnn(egnn) => Net::Egnn(Egnn::new(device, egnn.clone(), uniform)?),
        };
        Ok(Self { spec, net })
    }

    /// Its shape.
    pub fn spec(&self) -> &GeneratorSpec {
        &self.spec
    }

    /// Its network.
    pub fn net(&self) -> &Net<D> {
        &self.net
    }

    /// Samples for latents (batch, latent), with a tape or without.
    ///
    /// # Panics
    /// If `z` is not a whole number of latents.
    pub fn forward<T: Tape<f32, D>>(&self, z: &[f32]) -> Matrix<D, T> {
        let GeneratorSpec { dim, latent, skip, scale, .. } = self.spec;
        let batch = z.len() / latent;
        let device = self.net.device();
        let mut direct: Vec<f32> = z.chunks_exact(latent).flat_map(|z| z[..dim].iter().map(|z| skip * z)).collect();
        let output = match &self.net {
            Net::Mlp(mlp) => {
                let input = features(&self.spec.thresholds, latent, z);
                mlp.forward_constant::<T>(device.tensor_from_vec(input, (batch, mlp.inputs())), None)
            }
            Net::Egnn(egnn) => {
                let EgnnSpec { particles, dimensions, node_inputs, .. } = *egnn.spec();
                let input_scale = if skip == 0.0 { 1.0 } else { skip };
                let mut x: Vec<f32> =
                    z.chunks_exact(latent).flat_map(|z| z[..dim].iter().map(|z| input_scale * z)).collect();
                mean_free(Symmetry::Particles { count: particles, dimensions }, &mut x);
                direct.iter_mut().zip(&x).for_each(|(direct, x)| *direct = if skip == 0.0 { 0.0 } else { *x });
                let own: Vec<f32> = z.chunks_exact(latent).flat_map(|z| &z[dim..]).copied().collect();
                let h = match (latent - dim) / particles {
                    0 => vec![1.0; batch * particles],
                    numbers => features(&self.spec.thresholds, numbers, &own),
                };
                let h = device.tensor_from_vec(h, (batch, particles * node_inputs));
                egnn.forward_constant::<T>(h, device.tensor_from_vec(x, (batch, dim)))
            }
        };
        let direct: Matrix<D> = device.tensor_from_vec(direct, (batch, dim));
        output * scale + direct
    }

    /// Samples whose gradients reach the parameters.
    ///
    /// # Panics
    /// As [`Generator::forward`].
    pub fn traced(&self, z: &[f32]) -> Matrix<D, Taped<D>> {
        self.forward(z)
    }

    /// Samples (batch, dim), without a tape.
    ///
    /// # Panics
    /// As [`Generator::forward`].
    pub fn sample(&self, z: &[f32]) -> Vec<f32> {
        let mut all = Vec::with_capacity(z.len() / self.spec.latent * self.spec.dim);
        for slab in z.chunks(SLAB * self.spec.latent) {
            all.extend(self.forward::<NoneTape>(slab).as_vec());
        }
        all
    }

    /// The generator as a file: the network's tensors by their names and `thresholds`, the shape as text. `extra` is
    /// added to the text, e.g. the target's name.
    pub fn to_checkpoint<'a>(&self, extra: impl IntoIterator<Item = (&'a str, String)>) -> Checkpoint {
        let mut file = Checkpoint::new();
        let spec = &self.spec;
        file.insert_network("", self);
        file.insert_tensor("thresholds", vec![spec.thresholds.len()], spec.thresholds.clone());
        for (key, number) in [("dim", spec.dim), ("latent", spec.latent)] {
            file.insert_text(key, number.to_string());
        }
        match &spec.body {
            Body::Mlp { hidden, depth } => {
                file.insert_text("network", "mlp");
                file.insert_text("hidden", hidden.to_string());
                file.insert_text("depth", depth.to_string());
            }
            Body::Egnn(egnn) => {
                file.insert_text("network", "egnn");
                egnn.insert_into(EGNN_PREFIX, &mut file);
            }
        }
        file.insert_text("skip", spec.skip.to_string());
        file.insert_text("scale", spec.scale.to_string());
        for (key, text) in extra {
            file.insert_text(key, text);
        }
        file.insert_text("format", FORMAT.to_string());
        file
    }

    /// The shape of the generator in a file.
    ///
    /// # Errors
    /// If anything is missing or is no shape.
    pub fn spec_in(file: &Checkpoint) -> Result<GeneratorSpec, CheckpointError> {
        if file.text("format")? != FORMAT {
            return Err(file.bad_text("format"));
        }
        let body = match file.text("network")? {
            "mlp" => Body::Mlp { hidden: file.parsed("hidden")?, depth: file.parsed("depth")? },
            "egnn" => Body::Egnn(EgnnSpec::from_checkpoint(EGNN_PREFIX, file)?),
            _ => return Err(file.bad_text("network")),
        };
        let spec = GeneratorSpec {
            dim: file.parsed("dim")?,
            latent: file.parsed("latent")?,
            thresholds: file.vector("thresholds")?.to_vec(),
            skip: file.parsed("skip")?,
            scale: file.parsed("scale")?,
            body,
        };
        spec.check()?;
        Ok(spec)
    }

    /// The generator in a file.
    ///
    /// # Errors
    /// If anything is missing, has another shape than the file says, or is not finite.
    pub fn from_checkpoint(device: &D, file: &Checkpoint) -> Result<Self, CheckpointError> {
        let spec = Self::spec_in(file)?;
        let net = match &spec.body {
            Body::Mlp { hidden, depth } => {
                let mut layers = Vec::new();
                for (l, w) in spec.widths(*hidden, *depth).windows(2).enumerate() {
                    let weight = file.tensor(&format!("layers.{l}.weight"), &[w[0], w[1]])?;
                    let bias = file.tensor(&format!("layers.{l}.bias"), &[w[1]])?;
                    layers.push(Layer::from_values(device, (w[0], w[1]), weight.to_vec(), bias.to_vec()));
                }
                Net::Mlp(Mlp::from_layers(layers))
            }
            Body::Egnn(egnn) => {
                let mut egnn = Egnn::new(device, egnn.clone(), &mut || 0.5)?;
                file.load_network("", &mut egnn)?;
                Net::Egnn(egnn)
            }
        };
        Ok(Self { spec, net })
    }
}

impl<D: Backend> Network<D> for Generator<D> {
    fn parameters(&self) -> Vec<Parameter<'_, D>> {
        self.net.parameters()
    }

    fn parameters_mut(&mut self) -> Vec<ParameterMut<'_, D>> {
        self.net.parameters_mut()
    }
}
