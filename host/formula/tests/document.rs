//! The examples of `docs/formula.md` are sound formulas.

mod common;

use kiln_core::Energy;
use kiln_formula::Formula;

#[test]
fn examples_of_the_document() {
    let document = include_str!("../../../docs/formula.md");
    let examples: Vec<&str> =
        document.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(examples.len() >= 10, "{}", examples.len());
    let file = common::zoo_folder().join("example.toml");
    for example in examples {
        let formula = Formula::parse(example, &file.display().to_string(), &common::load)
            .unwrap_or_else(|error| panic!("{error}"));
        let x: Vec<f64> = (0..formula.dimension()).map(|k| 0.5 + 0.1 * (k as f64).sin()).collect();
        let mut gradient = vec![0.0; x.len()];
        assert!(formula.energy_and_gradient(&x, &mut gradient).is_finite(), "{example}");
        assert!(gradient.iter().all(|slope| slope.is_finite()), "{example}");
    }
}
