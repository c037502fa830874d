//! From a trained generator to a file that runs anywhere: calibration, rounding, comparison, writing.

pub mod bytes;
pub mod calibrate;
pub mod cells;
pub mod compensate;
pub mod draw;
pub mod frame;
pub mod mirror;
pub mod parts;
pub mod quality;
pub mod quantise;
mod scale;
pub mod write;

use crate::error::Error;
use bytes::Bytes;
use calibrate::calibrate;
use cells::QuantisedPlacement;
use kiln_core::artifact::{ArtifactError, Format, MLP_LAYERS, Model, Network};
use quantise::{Quantised, Whole};

/// A float generator in another format: a file without metadata.
///
/// # Errors
/// If the generator has a part that the format does not have, or numbers that do not fit it.
pub fn convert(float: &Model<'_>, format: Format) -> Result<Bytes, Error> {
    if float.format() != Format::F32 {
        let message = format!("the model is in {}, and only one in f32 can be exported", float.format().name());
        return Err(Error::input(message, "export the generator it was made of"));
    }
    match format {
        Format::F32 => Bytes::of(float).map_err(unfit),
        Format::I16W16A => quantised::<i16>(float),
        Format::I8W16A => quantised::<i8>(float),
    }
}

/// The same file with another text for people.
///
/// # Errors
/// If it then has more than 4 GiB.
pub fn with_metadata(model: &Model<'_>, metadata: &str) -> Result<Bytes, Error> {
    let told = Model::new(model.target(), metadata, model.network().clone());
    let told = told.and_then(|told| match model.frame() {
        Some(frame) => told.with_frame(*frame),
        None => Ok(told),
    });
    told.and_then(|told| Bytes::of(&told)).map_err(unfit)
}

/// Network and frame, or cells, in integers. What calibrates and compensates the network are its outputs: neither enters.
fn quantised<W: Whole>(float: &Model<'_>) -> Result<Bytes, Error> {
    let frame = float.frame().map(QuantisedPlacement::of).transpose()?.flatten();
    let network: Quantised<W> = match float.network() {
        Network::Mlp(network) => quantise::mlp(network, &calibrate(float)?)?,
        Network::Egnn(network) => {
            quantise::lean(network)?;
            quantise::egnn(network, &calibrate(float)?)?
        }
        _ => return Err(unfit(ArtifactError::Format { found: float.format() as u8 })),
    };
    let model = network.network().and_then(|network| Model::new(float.target(), "", network));
    let model = model.and_then(|model| match &frame {
        Some(frame) => model.with_frame(frame.view()?),
        None => Ok(model),
    });
    model.and_then(|model| Bytes::of(&model)).map_err(unfit)
}

/// The sentence for a generator that no file can hold, and what mends it.
pub fn unfit(error: ArtifactError) -> Error {
    let hint = match error {
        ArtifactError::Layers { most, .. } => {
            // One of units has one layer more than hidden ones.
            let most = if most == MLP_LAYERS { most - 1 } else { most };
            format!("train one with at most {most} hidden layers: --set generator.depth={most}")
        }
        ArtifactError::NotFinite => "its training diverged; train it anew, with a lower train.generator_lr".into(),
        ArtifactError::Sizes | ArtifactError::Buffer => {
            "a file has at most 4 GiB; train one with a smaller generator.hidden or generator.thresholds".into()
        }
        ArtifactError::Network(_) => "its file was changed by hand; train it anew".into(),
        ArtifactError::Fixed(_) => "export it with --format f32".into(),
        ArtifactError::BigEndian => "export it on a little-endian machine".into(),
        _ => "this is a defect of Kiln".into(),
    };
    Error::input(format!("the generator cannot be exported: {error}"), hint)
}

#[cfg(test)]
mod tests {
    use super::calibrate::latent;
    use super::draw::{images, rows};
    use super::frame::QuantisedFrame;
    use super::mirror::{Observer, Place};
    use super::quality::difference;
    use super::*;
    use crate::pretrained::{self, find};
    use crate::sample::Sampler;
    use crate::weights::float_model;
    use kiln_core::artifact::Artifact;
    use kiln_core::frame::{Bounds, Factor, Frame};

    fn float(name: &str) -> Bytes {
        float_model(&find(name).unwrap().file().unwrap(), name, name).unwrap()
    }

    #[test]
    fn models_in_floats_draw_what_their_generators_draw() {
        for pretrained in pretrained::all() {
            let bytes = float(pretrained.name);
            let model = Artifact::check(bytes.as_slice()).unwrap();
            assert_eq!(model.target(), pretrained.name);
            let same = Sampler::of(pretrained.file().unwrap(), pretrained.name).unwrap().rows(3, 0, 40).unwrap();
            assert_eq!(rows(&model, 3, 0, 40).unwrap(), same, "{}", pretrained.name);
            assert_eq!(convert(&model, Format::F32).unwrap(), bytes);
        }
    }

    #[test]
    fn hints_mend_what_is_wrong() {
        use kiln_core::artifact::EGNN_LAYERS;
        use kiln_core::{fixed, network};
        let layers = |most| ArtifactError::Layers { found: 40, most };
        let causes = [
            (layers(MLP_LAYERS), "generator.depth=15"),
            (layers(EGNN_LAYERS), "generator.depth=8"),
            (ArtifactError::NotFinite, "train.generator_lr"),
            (ArtifactError::Sizes, "smaller generator.hidden"),
            (ArtifactError::Network(network::InvalidNetwork::Empty), "train it anew"),
            (ArtifactError::Fixed(fixed::InvalidNetwork::Particles), "--format f32"),
            (ArtifactError::BigEndian, "little-endian machine"),
            (ArtifactError::Misaligned, "a defect of Kiln"),
        ];
        for (cause, hint) in causes {
            let error = unfit(cause);
            assert!(error.hint().contains(hint), "{error}: {}", error.hint());
            assert!(error.to_string().ends_with(&cause.to_string()), "{error}");
        }
    }

    struct Nobody;
    impl Observer for Nobody {
        fn see(&mut self, _: Place, _: &[f32]) {}
    }

    #[test]
    fn the_mirror_shows_the_network() {
        for pretrained in pretrained::all() {
            let bytes = float(pretrained.name);
            let model = Artifact::check(bytes.as_slice()).unwrap();
            let exact = images(&model, 3, 20).unwrap();
            for (index, exact) in exact.data.chunks_exact(exact.dim).enumerate() {
                let z = latent(3, index as u64, model.latent());
                let x = match model.network() {
                    Network::Mlp(network) => mirror::mlp(network, &z, &mut Nobody),
                    Network::Egnn(network) => mirror::egnn(network, &z, &mut Nobody),
                    _ => unreachable!(),
                };
                let close = x.iter().zip(exact).all(|(a, b)| (a - b).abs() <= 1e-4 * (1.0 + b.abs()));
                assert!(close, "{}: {x:?} {exact:?}", pretrained.name);
            }
        }
    }

    /// (generator, format, rms of a coordinate's distance to the float generator's): measured, and half as much again.
    const ROUNDED: [(&str, Format, f64); 8] = [
        ("mog40", Format::I16W16A, 0.028),
        ("mog40", Format::I8W16A, 0.12),
        ("mw32", Format::I16W16A, 3e-4),
        ("mw32", Format::I8W16A, 8e-3),
        ("dw4", Format::I16W16A, 1.3e-3),
        ("dw4", Format::I8W16A, 3.1e-3),
        ("lj13", Format::I16W16A, 4.4e-4),
        ("lj13", Format::I8W16A, 7.4e-4),
    ];

    #[test]
    fn rounded_generators_stay_close_to_the_float_ones() {
        for (name, format, bound) in ROUNDED {
            let float = float(name);
            let float = Artifact::check(float.as_slice()).unwrap();
            let bytes = convert(&float, format).unwrap();
            let model = Artifact::check(bytes.as_slice()).unwrap();
            assert_eq!(model.format(), format);
            let difference = difference(&rows(&model, 0, 0, 2000).unwrap(), &images(&float, 0, 2000).unwrap());
            println!("{name} {}: {difference:?}", format.name());
            assert!(difference.rms < bound, "{name} {}: {difference:?}", format.name());
            assert!(convert(&model, Format::F32).unwrap_err().to_string().contains("only one in f32"));
        }
    }

    #[test]
    fn frames_are_rounded_beside_the_network() {
        let float = float("mog40");
        let bare = Artifact::check(float.as_slice()).unwrap();
        let bounds = Bounds { kinds: &[0, 3], low: &[0.0, -2.0], high: &[0.0, 3.0] };
        let frame = Frame::new(&[5.0, 0.25], Factor::Triangle(&[1.5, 0.01, 0.02]), bounds).unwrap();
        let framed = bare.clone().with_frame(frame).unwrap();
        let [plain, bytes] = [&bare, &framed].map(|model| convert(model, Format::I8W16A).unwrap());
        let [plain, whole] = [&plain, &bytes].map(|bytes| Artifact::check(bytes.as_slice()).unwrap());
        assert_eq!(whole.network(), plain.network(), "calibrated in u");
        let expected = QuantisedFrame::of(&frame).unwrap();
        assert_eq!(whole.frame(), Some(&expected.view().unwrap().into()));
        // Between the images of the same latents: what the network errs by, through the frame.
        let [mut u, x] = [&plain, &whole].map(|model| rows(model, 3, 0, 200).unwrap());
        u.data.chunks_exact_mut(2).for_each(|row| frame.apply(row));
        assert!(difference(&u, &x).largest < 1e-4, "{:?}", difference(&u, &x));
        let theirs = images(&framed, 3, 200).unwrap();
        assert!(theirs.data.iter().skip(1).step_by(2).all(|x| (-2.0..=3.0).contains(x)));
        assert!(difference(&x, &theirs).rms < 0.12 * 1.5, "{:?}", difference(&x, &theirs));
        let told = with_metadata(&whole, "told").unwrap();
        assert_eq!(Artifact::check(told.as_slice()).unwrap().frame(), whole.frame());
        assert_eq!(convert(&framed, Format::F32).unwrap(), Bytes::of(&framed).unwrap());
        let wide = Frame::new(&[0.0; 2], Factor::Diagonal(&[1.0, 1e6]), Bounds::NONE).unwrap();
        let refused = convert(&bare.clone().with_frame(wide).unwrap(), Format::I8W16A).unwrap_err();
        assert!(refused.to_string().contains("coordinate 1 reaches 8.000e6"), "{refused}");
    }

    #[test]
    fn files_hold_the_rounded_network_as_it_is() {
        let float = float("mog40");
        let float = Artifact::check(float.as_slice()).unwrap();
        let Network::Mlp(network) = float.network() else { unreachable!() };
        let calibration = calibrate(&float).unwrap();
        assert_eq!(calibrate(&float).unwrap(), calibration);
        let rounded: Quantised<i8> = quantise::mlp(network, &calibration).unwrap();
        let direct = Model::new("mog40", "", rounded.network().unwrap()).unwrap();
        let bytes = convert(&float, Format::I8W16A).unwrap();
        let model = Artifact::check(bytes.as_slice()).unwrap();
        assert_eq!(model, direct);
        assert_eq!(rows(&model, 1, 0, 50).unwrap(), rows(&direct, 1, 0, 50).unwrap());
        let told = with_metadata(&model, "told").unwrap();
        let told = Artifact::check(told.as_slice()).unwrap();
        assert_eq!((told.metadata(), told.network()), ("told", model.network()));
    }
}
