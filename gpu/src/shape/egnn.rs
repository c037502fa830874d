//! The shape of an EGNN, the names and sizes of its matrices, and the shape in a file.

use crate::checkpoint::{Checkpoint, CheckpointError};

pub use kiln_core::network::Activation;

/// Which messages pass between two particles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// One each way, m_ij and m_ji, as published.
    Directed,
    /// One, m_ij = m_ji: half of the work, and coordinate updates that keep the mean.
    Symmetric,
}

/// What stands between a message and its coordinate factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// A hidden layer, as published.
    Deep,
    /// Nothing.
    Direct,
}

/// What the first edge layer sees of the current and the input distance. A basis resolves stiff pair potentials.
pub type Radial = kiln_core::network::Radial<f32>;

/// The shape of an EGNN; the formulas stand with the network.
#[derive(Clone, Debug, PartialEq)]
pub struct EgnnSpec {
    /// How many particles, at least 2.
    pub particles: usize,
    /// Coordinates of each.
    pub dimensions: usize,
    /// Numbers that come with each particle beside its coordinates.
    pub node_inputs: usize,
    /// Width of everything hidden.
    pub hidden: usize,
    /// How often messages pass.
    pub layers: usize,
    /// Between linear maps.
    pub activation: Activation,
    /// One message a pair, or two.
    pub edges: Edges,
    /// Between message and coordinate factor.
    pub head: Head,
    /// Whether messages are weighted by a sigmoid of their own.
    pub attention: bool,
    /// What edges see of distances.
    pub radial: Radial,
    /// Bound of a pair's coordinate factor in one layer; published: 15 / layers.
    pub range: f32,
}

/// Why an [`EgnnSpec`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgnnSpecError {
    /// A size is too small.
    #[error("dimensions, node inputs, hidden and layers must be at least 1, particles at least 2")]
    Empty,
    /// No basis.
    #[error("a radial basis needs at least two functions and a positive, finite range")]
    Basis,
    /// Not finite.
    #[error("range must be positive and finite")]
    Range,
    /// More numbers than fit in memory.
    #[error("the network is too large")]
    TooLarge,
}

/// The form of a matrix; H is the hidden width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// (H, H).
    Square,
    /// (2 H, H).
    Double,
    /// (inputs, H).
    Table(usize),
    /// (1, H).
    Row,
    /// (H, 1).
    Column,
    /// (1, 1).
    Number,
}

/// Where a layer's matrices stand in the list of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerAt {
    pub(crate) source: usize,
    pub(crate) target: Option<usize>,
    pub(crate) radial: usize,
    pub(crate) edge_bias: usize,
    /// Weight and bias, here and below.
    pub(crate) message: (usize, usize),
    pub(crate) gate: Option<(usize, usize)>,
    pub(crate) head: Option<(usize, usize)>,
    pub(crate) coordinate: usize,
    /// Absent in the last layer, whose node values nobody reads.
    pub(crate) node: Option<(usize, usize)>,
    pub(crate) update: Option<(usize, usize)>,
}

/// Added to r^2 under the root: the root's slope stays finite where particles meet.
pub(crate) const ROOT_EPSILON: f32 = 1e-8;

/// All matrices of an EGNN in their order. The embedding's weight and bias are the first two.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The shape that decides all else.
    pub(crate) spec: EgnnSpec,
    pub(crate) matrices: Vec<(String, Form)>,
    pub(crate) layers: Vec<LayerAt>,
}

impl Layout {
    pub(crate) fn new(spec: &EgnnSpec) -> Self {
        let mut matrices = Vec::new();
        let mut add = |name: String, form: Form| {
            matrices.push((name, form));
            matrices.len() - 1
        };
        add("embedding.weight".into(), Form::Table(spec.node_inputs));
        add("embedding.bias".into(), Form::Row);
        let layers = (0..spec.layers)
            .map(|l| {
                let mut one = |name: &str, form| add(format!("layers.{l}.{name}"), form);
                let source = one("source.weight", Form::Square);
                let target = (spec.edges == Edges::Directed).then(|| one("target.weight", Form::Square));
                let radial = one("radial.weight", Form::Table(2 * spec.radial.count()));
                let edge_bias = one("edge.bias", Form::Row);
                let mut affine = |name: &str, weight, bias| {
                    (one(&format!("{name}.weight"), weight), one(&format!("{name}.bias"), bias))
                };
                let message = affine("message", Form::Square, Form::Row);
                let gate = spec.attention.then(|| affine("gate", Form::Column, Form::Number));
                let head = (spec.head == Head::Deep).then(|| affine("head", Form::Square, Form::Row));
                let more = l + 1 < spec.layers;
                let node = more.then(|| affine("node", Form::Double, Form::Row));
                let update = more.then(|| affine("update", Form::Square, Form::Row));
                let coordinate = one("coordinate.weight", Form::Column);
                LayerAt { source, target, radial, edge_bias, message, gate, head, coordinate, node, update }
            })
            .collect();
        Self { spec: spec.clone(), matrices, layers }
    }
}

impl EgnnSpec {
    /// # Errors
    /// If no network can have this shape.
    pub fn check(&self) -> Result<(), EgnnSpecError> {
        let positive = |x: f32| x > 0.0 && x.is_finite();
        let sizes = [self.dimensions, self.node_inputs, self.hidden, self.layers];
        if sizes.contains(&0) || self.particles < 2 {
            return Err(EgnnSpecError::Empty);
        }
        if let Radial::Basis { count, range } | Radial::Steps { count, range } = self.radial
            && !(count >= 2 && positive(range))
        {
            return Err(EgnnSpecError::Basis);
        }
        if !positive(self.range) {
            return Err(EgnnSpecError::Range);
        }
        let limits = [
            (self.particles, 4096),
            (self.dimensions, 4096),
            (self.node_inputs, 1 << 16),
            (self.hidden, 1 << 14),
            (self.layers, 1000),
            (self.radial.count(), 4096),
        ];
        if limits.iter().any(|(size, limit)| size > limit) {
            return Err(EgnnSpecError::TooLarge);
        }
        Ok(())
    }

    /// How many trained numbers the network has.
    pub fn numbers(&self) -> usize {
        let size = |(_, form): &(String, Form)| self.shape(*form);
        Layout::new(self).matrices.iter().map(size).map(|(rows, columns)| rows * columns).sum()
    }

    /// Rows and columns of a matrix.
    pub(crate) fn shape(&self, form: Form) -> (usize, usize) {
        let hidden = self.hidden;
        match form {
            Form::Square => (hidden, hidden),
            Form::Double => (2 * hidden, hidden),
            Form::Table(inputs) => (inputs, hidden),
            Form::Row => (1, hidden),
            Form::Column => (hidden, 1),
            Form::Number => (1, 1),
        }
    }

    /// Adds the shape to a file, as texts `{prefix}particles` and so on.
    pub fn insert_into(&self, prefix: &str, file: &mut Checkpoint) {
        let mut text = |key: &str, value: String| file.insert_text(format!("{prefix}{key}"), value);
        let sizes = [
            ("particles", self.particles),
            ("dimensions", self.dimensions),
            ("node_inputs", self.node_inputs),
            ("hidden", self.hidden),
            ("layers", self.layers),
        ];
        for (key, size) in sizes {
            text(key, size.to_string());
        }
        text("activation", if self.activation == Activation::Relu { "relu" } else { "silu" }.into());
        text("edges", if self.edges == Edges::Directed { "directed" } else { "symmetric" }.into());
        text("head", if self.head == Head::Deep { "deep" } else { "direct" }.into());
        text("attention", self.attention.to_string());
        match self.radial {
            Radial::Squared => text("radial", "squared".into()),
            Radial::Basis { count, range } | Radial::Steps { count, range } => {
                let steps = matches!(self.radial, Radial::Steps { .. });
                text("radial", if steps { "steps" } else { "basis" }.into());
                text("radial_count", count.to_string());
                text("radial_range", range.to_string());
            }
        }
        text("range", self.range.to_string());
    }

    /// The shape in a file.
    ///
    /// # Errors
    /// If a text is missing, does not parse, or the sizes make no network.
    pub fn from_checkpoint(prefix: &str, file: &Checkpoint) -> Result<Self, CheckpointError> {
        let key = |name: &str| format!("{prefix}{name}");
        let size = |name: &str| file.parsed::<usize>(&key(name));
        /// The one of two that the text names.
        fn either<V>(file: &Checkpoint, key: &str, a: (&str, V), b: (&str, V)) -> Result<V, CheckpointError> {
            match file.text(key)? {
                text if text == a.0 => Ok(a.1),
                text if text == b.0 => Ok(b.1),
                _ => Err(file.bad_text(key)),
            }
        }
        let radial = match file.text(&key("radial"))? {
            "squared" => Radial::Squared,
            name @ ("basis" | "steps") => {
                let (count, range) = (size("radial_count")?, file.parsed(&key("radial_range"))?);
                if name == "basis" { Radial::Basis { count, range } } else { Radial::Steps { count, range } }
            }
            _ => return Err(file.bad_text(&key("radial"))),
        };
        let spec = Self {
            particles: size("particles")?,
            dimensions: size("dimensions")?,
            node_inputs: size("node_inputs")?,
            hidden: size("hidden")?,
            layers: size("layers")?,
            activation: either(file, &key("activation"), ("relu", Activation::Relu), ("silu", Activation::Silu))?,
            edges: either(file, &key("edges"), ("directed", Edges::Directed), ("symmetric", Edges::Symmetric))?,
            head: either(file, &key("head"), ("deep", Head::Deep), ("direct", Head::Direct))?,
            attention: file.parsed(&key("attention"))?,
            radial,
            range: file.parsed(&key("range"))?,
        };
        spec.check().map_err(|error| CheckpointError::no_shape("network", error))?;
        Ok(spec)
    }
}
