//! One sample of the models that come with Kiln, as a user of a model file draws it: latents, network and conversion to
//! `f32`, in floats and in integers, scalar, one thread. `scripts/icount` counts the instructions of the same on a
//! microcontroller.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kiln::export::bytes::Bytes;
use kiln::export::convert;
use kiln::source::resolve;
use kiln_core::artifact::{Artifact, Format};
use std::hint::black_box;
use std::path::Path;

fn sample(c: &mut Criterion) {
    let mut group = c.benchmark_group("deployed sample");
    for name in ["mog40", "mw32", "dw4", "lj13"] {
        let float = resolve(Path::new(name)).and_then(|source| source.float_model()).expect("it comes with Kiln");
        for format in Format::ALL {
            let converted: Bytes;
            let bytes = if format == Format::F32 {
                &float
            } else {
                let model = Artifact::check(float.as_slice()).expect("just made");
                converted = convert(&model, format).expect("a lean network");
                &converted
            };
            let model = Artifact::check(bytes.as_slice()).expect("just made");
            let (mut scratch, mut x, mut index) = (vec![0; model.scratch()], vec![0.0; model.dim()], 0);
            group.bench_function(BenchmarkId::new(name, format.name()), |b| {
                b.iter(|| {
                    index += 1;
                    model.sample(1, index, &mut scratch, &mut x).expect("buffers that are long enough");
                    black_box(x[0])
                })
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(2));
    targets = sample
}
criterion_main!(benches);
