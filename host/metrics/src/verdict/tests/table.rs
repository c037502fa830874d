//! How often verdicts are right, over many sets.

use super::*;

/// Prints shares of *fails*, *holds* and *cannot tell*, and which families failed:
/// `cargo test -p kiln-metrics verdict::tests::table -- --ignored --nocapture`
#[test]
#[ignore = "many minutes"]
fn table_of_verdicts() {
    let n = 100_000;
    println!("| target | m | draws | sets | fails | holds | cannot tell | lost | Stein | KS | masses |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for world in [mixture(), rings(), exact_particles()] {
        for (spoilt, m, sets) in [
            (Spoilt::MissingMode, 2000, 50),
            (Spoilt::HalfWidth, 2000, 50),
            (Spoilt::Hot, 2000, 50),
            (Spoilt::Nothing, 2000, 200),
            (Spoilt::Nothing, 4000, 200),
        ] {
            if spoilt == Spoilt::MissingMode && world.name != "mixture" {
                continue;
            }
            let start = std::time::Instant::now();
            let (mut outcomes, mut failed) = ([0; 3], [0; 4]);
            for index in 0..sets {
                let verdict = judged(&world, &spoilt, n, m, 100 + index);
                outcomes[verdict.outcome as usize] += 1;
                failed.iter_mut().zip(&verdict.families).for_each(|(count, f)| *count += usize::from(f.fails()));
            }
            let [holds, fails, unclear] = outcomes;
            let [a, b, c, d] = failed;
            println!(
                "| {} | {m} | {spoilt:?} | {sets} | {fails} | {holds} | {unclear} | {a} | {b} | {c} | {d} | {:.1} s a set",
                world.name,
                start.elapsed().as_secs_f64() / sets as f64
            );
            match spoilt {
                Spoilt::Nothing => assert!(fails <= 2 && holds > sets / 2),
                _ => assert!(fails == sets),
            }
        }
    }
}
