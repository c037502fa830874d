//! How often verdicts are right, over many sets: prints how many failed, held and could not be told, and which families
//! failed.
//!
//! `cargo test -p kiln-metrics verdict::tests::table -- --ignored --nocapture --test-threads 1`

use super::*;

#[test]
#[ignore = "ten minutes"]
fn of_the_mixture() {
    table(&mixture());
}

#[test]
#[ignore = "ten minutes"]
fn of_rings() {
    table(&rings());
}

#[test]
#[ignore = "ten minutes"]
fn of_particles() {
    table(&exact_particles());
}

fn table(world: &World) {
    let n = 100_000;
    println!("| target | m | draws | sets | fails | holds | cannot tell | lost | Stein | KS | masses |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
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
        let (mut outcomes, mut failed) = ([0; 3], [0; 4]);
        for index in 0..sets {
            let verdict = judged(world, &spoilt, n, m, 100 + index);
            outcomes[verdict.outcome as usize] += 1;
            failed.iter_mut().zip(&verdict.families).for_each(|(count, f)| *count += usize::from(f.fails()));
        }
        let ([holds, fails, unclear], [a, b, c, d]) = (outcomes, failed);
        println!(
            "| {} | {m} | {spoilt:?} | {sets} | {fails} | {holds} | {unclear} | {a} | {b} | {c} | {d} |",
            world.name
        );
        match spoilt {
            Spoilt::Nothing => assert!(fails <= 2 && holds > sets / 2),
            _ => assert!(fails == sets),
        }
    }
}
