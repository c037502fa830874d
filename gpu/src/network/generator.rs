//! The generator: a deterministic function of a Gaussian latent.
//!
//! - For coordinates without a symmetry: x = skip z[..dim] + scale mlp(features(z)). features(z) holds z and, for each
//!   number of z and each threshold c, +1 where z > c and -1 elsewhere: the map may jump, so it needs no filaments between
//!   modes.
//! - For particles: x = c p + scale egnn(h, c p), where p is z[..dim] without its mean over particles and c = skip (1 where
//!   that is 0, and then x has no direct part). The rest of z belongs to the particles in equal parts; h_i holds particle i's
//!   part and its threshold features. The distribution of x is invariant under rotation, reflection and permutation.

use super::body::Net;
use super::egnn::Egnn;
use super::layer::Layer;
use super::mlp::Mlp;
use super::parameters::{Network, Parameter, ParameterMut};
use crate::backend::{Backend, Scratch};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::posterior::mean_free;
use crate::shape::body::Body;
use crate::shape::egnn::EgnnSpec;
use crate::tensor::{Matrix, NoneTape, Tape, Taped, matrix};
use kiln_core::symmetry::Symmetry;

pub use crate::shape::generator::{GeneratorSpec, SpecError};

/// Rows that are sampled at once: bounds the memory for features.
const SLAB: usize = 16_384;

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

/// The network's input where there are cells: the features of the first `dim` numbers, then ±1 of each threshold of the others.
fn features_with_cells(spec: &GeneratorSpec, z: &[f32]) -> Vec<f32> {
    let mut all = Vec::with_capacity(z.len() / spec.latent * spec.inputs());
    for z in z.chunks_exact(spec.latent) {
        let (own, choices) = z.split_at(spec.dim);
        all.extend(features(&spec.thresholds, spec.dim, own));
        let signs = choices.iter().zip(&spec.cells);
        all.extend(signs.flat_map(|(z, cells)| cells.iter().map(move |c| if z > c { 1.0 } else { -1.0 })));
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

    /// Makes the network's part 0 until training moves it: x is then skip z[..dim]. Does nothing to an EGNN.
    pub fn silence(&mut self) {
        if let Net::Mlp(mlp) = &mut self.net {
            mlp.silence();
        }
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
                let input = if self.spec.cells.is_empty() {
                    features(&self.spec.thresholds, latent, z)
                } else {
                    features_with_cells(&self.spec, z)
                };
                mlp.forward_constant::<T>(matrix(device, input, (batch, mlp.inputs())), None)
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
                let h = matrix(device, h, (batch, particles * node_inputs));
                egnn.forward_constant::<T>(h, matrix(device, x, (batch, dim)))
            }
        };
        let direct = matrix(device, direct, (batch, dim));
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
        for (key, text) in extra {
            file.insert_text(key, text);
        }
        self.spec.insert_into(&mut file);
        self.insert_into("", &mut file);
        file
    }

    /// The generator in a file.
    ///
    /// # Errors
    /// If anything is missing, has another shape than the file says, or is not finite.
    pub fn from_checkpoint(device: &D, file: &Checkpoint) -> Result<Self, CheckpointError> {
        let spec = GeneratorSpec::from_checkpoint(file)?;
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
                let mut egnn = Egnn::new(device, egnn.clone(), &mut || 0.5)
                    .map_err(|error| CheckpointError::no_shape("network", error))?;
                egnn.load_from("", file)?;
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

    fn scratch_mut(&mut self) -> &mut Scratch {
        self.net.scratch_mut()
    }
}
