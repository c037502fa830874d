//! The shape of an MLP as its kernels see it.

use super::Role;

/// The shape of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerShape {
    /// Numbers a row of its input has.
    pub inputs: usize,
    /// Numbers a row of its output has.
    pub outputs: usize,
    /// What its conditioning table is for, if it has one.
    pub table: Option<Role>,
}

/// The shape of an MLP. Its matrices are, layer by layer: the weight (inputs, outputs), the bias (1, outputs), and the
/// conditioning table (features, outputs) where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlpShape {
    /// The layers, in order.
    pub layers: Vec<LayerShape>,
    /// Numbers a row that conditions the layers has; 0 without conditioning.
    pub features: usize,
}

impl MlpShape {
    /// Numbers a row of the input has.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |l| l.inputs)
    }

    /// Numbers a row of the output has.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs)
    }
}
