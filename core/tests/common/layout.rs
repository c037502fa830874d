//! The sections of a model's file as the documentation of `kiln_core::artifact` has them: nothing here knows the writer.

use kiln_core::artifact::{FixedEgnn, FixedMlp, FloatEgnn, FloatMlp, Model, ModelFrame, Network};
use kiln_core::cells::Packed;
use kiln_core::fixed::Weight;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Text,
    Words,
    Floats,
    /// Numbers in Q16, any of them: thresholds and biases.
    Wide,
    Weights,
    /// Packed scales, of the layer that errors name.
    Scales(usize),
    /// Binary points, of the layer that errors name.
    Points(usize),
    /// Numbers of a frame, or of cells, of which not every one will do.
    Frame,
}

/// Where a section stands.
#[derive(Clone, Debug)]
pub struct Section {
    pub name: String,
    pub content: Content,
    pub start: usize,
    /// In bytes, without what fills it up.
    pub length: usize,
}

impl Section {
    /// Where it ends, filled up.
    pub fn end(&self) -> usize {
        (self.start + self.length).next_multiple_of(8)
    }
}

/// The sections of a model's file, from the first after its header.
pub fn sections(model: &Model<'_>) -> Vec<Section> {
    let mut layout = Layout(Vec::new());
    layout.add("target", Content::Text, model.target().len());
    layout.add("metadata", Content::Text, model.metadata().len());
    match model.frame() {
        Some(ModelFrame::FloatCells(cells)) => layout.cells(&cells.packed(), 0, [Content::Floats; 3]),
        Some(ModelFrame::FixedCells(cells)) => {
            let contents = [Content::Frame, Content::Wide, Content::Frame];
            layout.cells(&cells.packed(), cells.points().len(), contents);
        }
        _ => {}
    }
    match model.network() {
        Network::Mlp(network) => layout.float_units(network),
        Network::Egnn(network) => layout.float_messages(network),
        Network::Mlp16(network) => layout.units(network),
        Network::Mlp8(network) => layout.units(network),
        Network::Egnn16(network) => layout.messages(network),
        Network::Egnn8(network) => layout.messages(network),
    }
    if let Some(frame) = model.frame() {
        layout.frame(frame);
    }
    layout.0
}

struct Layout(Vec<Section>);

impl Layout {
    fn add(&mut self, name: &str, content: Content, length: usize) {
        let start = self.0.last().map_or(48, Section::end);
        self.0.push(Section { name: name.to_string(), content, start, length });
    }

    fn floats(&mut self, name: &str, count: usize) {
        self.add(name, Content::Floats, 4 * count);
    }

    fn float_map(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.floats(name, inputs * outputs);
        self.floats(&format!("{name}, bias"), outputs);
    }

    fn float_units(&mut self, network: &FloatMlp<'_>) {
        self.floats("thresholds", network.thresholds().len());
        self.add("widths", Content::Words, 4 * network.layers().len());
        for (l, layer) in network.layers().iter().enumerate() {
            self.float_map(&format!("layer {l}"), layer.weight.len() / layer.bias.len(), layer.bias.len());
        }
    }

    fn float_messages(&mut self, network: &FloatEgnn<'_>) {
        let (hidden, functions) = (network.embedding().bias.len(), network.shape().radial.count());
        self.floats("thresholds", network.thresholds().len());
        self.add("sizes", Content::Words, 32);
        self.float_map("embedding", network.shape().node_inputs, hidden);
        for (l, layer) in network.layers().iter().enumerate() {
            let name = |part: &str| format!("{part} of layer {l}");
            self.floats(&name("source"), hidden * hidden);
            if layer.target.is_some() {
                self.floats(&name("target"), hidden * hidden);
            }
            self.floats(&name("radial"), 2 * functions * hidden);
            self.floats(&name("edge bias"), hidden);
            self.float_map(&name("message"), hidden, hidden);
            if layer.gate.is_some() {
                self.float_map(&name("gate"), hidden, 1);
            }
            if layer.head.is_some() {
                self.float_map(&name("head"), hidden, hidden);
            }
            self.floats(&name("coordinate"), hidden);
            if l + 1 < network.layers().len() {
                self.float_map(&name("node"), 2 * hidden, hidden);
                self.float_map(&name("update"), hidden, hidden);
            }
        }
    }

    fn frame(&mut self, frame: &ModelFrame<'_>) {
        let dim = frame.dim();
        let factor = if frame.is_triangle() { dim * (dim + 1) / 2 } else { dim };
        let [any, some] = match frame {
            ModelFrame::Float(_) => [Content::Floats; 2],
            ModelFrame::Fixed(_) => [Content::Wide, Content::Frame],
            // Before the network.
            ModelFrame::FloatCells(_) | ModelFrame::FixedCells(_) => return,
        };
        self.add("frame", Content::Frame, 8);
        self.add("centre", any, 4 * dim);
        self.add("factor", some, 4 * factor);
        if matches!(frame, ModelFrame::Fixed(_)) {
            self.add("points", Content::Frame, dim);
        }
        if frame.bounded() > 0 {
            self.add("kinds", Content::Frame, dim);
            self.add("lower ends", some, 4 * dim);
            self.add("upper ends", some, 4 * dim);
        }
    }

    /// Contents of thresholds, centres, and factors with ends.
    fn cells<T>(&mut self, packed: &Packed<'_, T>, points: usize, [thresholds, centres, others]: [Content; 3]) {
        let dim = packed.coordinates.len();
        self.add("cells", Content::Frame, 8);
        self.add("sizes of blocks", Content::Frame, 4 * packed.sizes.len());
        self.add("cells of blocks", Content::Frame, 4 * packed.cells.len());
        self.add("coordinates", Content::Frame, 4 * dim);
        self.add("thresholds among cells", thresholds, 4 * packed.thresholds.len());
        self.add("centres", centres, 4 * packed.centres.len());
        self.add("factors", others, 4 * packed.factors.len());
        if points > 0 {
            self.add("points of rows", Content::Frame, points);
        }
        if packed.bounds.kinds.iter().any(|kind| *kind != 0) {
            self.add("kinds", Content::Frame, dim);
            self.add("lower ends", others, 4 * dim);
            self.add("upper ends", others, 4 * dim);
        }
    }

    fn matrix<W>(&mut self, name: &str, [outputs, inputs]: [usize; 2], layer: usize) {
        self.add(name, Content::Weights, size_of::<W>() * outputs * inputs);
        self.add(&format!("{name}, scales"), Content::Scales(layer), 4 * outputs);
    }

    fn map<W>(&mut self, name: &str, sizes: [usize; 2], layer: usize) {
        self.matrix::<W>(name, sizes, layer);
        self.add(&format!("{name}, bias"), Content::Wide, 4 * sizes[0]);
    }

    fn units<W: Weight + bytemuck::Pod>(&mut self, network: &FixedMlp<'_, W>) {
        self.add("thresholds", Content::Wide, 4 * network.thresholds().len());
        self.add("widths and points", Content::Words, 8 * network.layers().len());
        for (l, layer) in network.layers().iter().enumerate() {
            let (outputs, all) = (layer.affine.bias.len(), layer.affine.matrix.weights.len());
            self.map::<W>(&format!("layer {l}"), [outputs, all / outputs], l);
        }
    }

    fn messages<W: Weight + bytemuck::Pod>(&mut self, network: &FixedEgnn<'_, W>) {
        let (hidden, functions) = (network.embedding().bias.len(), network.shape().radial.count());
        let square = [hidden, hidden];
        self.add("thresholds", Content::Wide, 4 * network.thresholds().len());
        self.add("sizes", Content::Words, 32);
        self.map::<W>("embedding", [hidden, network.shape().node_inputs], 0);
        for (l, layer) in network.layers().iter().enumerate() {
            let name = |part: &str| format!("{part} of layer {l}");
            // The embedding is layer 0 where errors name one.
            self.add(&name("points"), Content::Points(l + 1), 8);
            self.matrix::<W>(&name("source"), square, l + 1);
            self.map::<W>(&name("radial"), [hidden, 2 * functions], l + 1);
            self.map::<W>(&name("message"), square, l + 1);
            if layer.gate.is_some() {
                self.map::<W>(&name("gate"), [1, hidden], l + 1);
            }
            self.matrix::<W>(&name("coordinate"), [1, hidden], l + 1);
            if l + 1 < network.layers().len() {
                self.matrix::<W>(&name("state"), square, l + 1);
                self.map::<W>(&name("sums"), square, l + 1);
                self.map::<W>(&name("update"), square, l + 1);
            }
        }
    }
}
