//! `kiln export`, `kiln inspect`, and models wherever a generator can stand.

mod common;

use common::{done, judged, kiln, refused};
use kiln::format;
use std::path::Path;

/// The source forms are what compilers take; in the place of `kiln-core` stands the one type that the Rust form names.
fn compiles(place: &Path) {
    let program = "mod kiln_core { pub mod artifact { #[repr(C, align(8))] pub struct Aligned<T>(pub T); } }
                   include!(\"a_model.rs\");
                   const _: () = assert!(A_MODEL.0.len() > 1000 && align_of_val(&A_MODEL) == 8);";
    std::fs::write(place.join("program.rs"), program).unwrap();
    std::fs::write(place.join("program.c"), "#include \"a.h\"\n_Static_assert(sizeof a > 1000, \"\");\n").unwrap();
    let rust = ["rustc", "--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "program.rs"];
    let c = ["cc", "-std=c11", "-Wall", "-Werror", "-Wno-unused-variable", "-fsyntax-only", "program.c"];
    for command in [&rust[..], &c] {
        let output = std::process::Command::new(command[0]).current_dir(place).args(&command[1..]).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_exported_model_is_sampled_inspected_and_the_same_every_time() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let read = |name: &str| std::fs::read(place.join(name)).unwrap();
    let export = ["export", "mog40", "--format", "i8w16a", "--no-quality"];
    let [_, told] = done(place, &[&export[..], &["-o", "a.kiln", "--rust", "a_model.rs", "--c", "a.h"]].concat());
    assert!(told.contains("MoG-40 in i8w16a: ") && told.contains("bytes"), "{told}");
    done(place, &[&export[..], &["-o", "b.kiln"]].concat());
    assert_eq!(read("a.kiln"), read("b.kiln"));
    let numbers = |name: &str| {
        let text = String::from_utf8(read(name)).unwrap();
        let body = text[text.find("= ").unwrap()..].to_string();
        body.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<u8>().ok()).collect::<Vec<_>>()
    };
    assert_eq!(numbers("a.h"), read("a.kiln"));
    assert_eq!(numbers("a_model.rs"), read("a.kiln"));
    compiles(place);

    done(place, &["sample", "a.kiln", "-n", "30", "-o", "few.npy", "--seed", "4"]);
    done(place, &["sample", "b.kiln", "-n", "90", "-o", "more.npy", "--seed", "4"]);
    let samples = |name: &str| format::read(&place.join(name)).unwrap().data;
    assert_eq!(samples("few.npy"), samples("more.npy")[..60]);

    let [explained, _] = done(place, &["inspect", "a.kiln"]);
    for word in ["mog40 in i8w16a: layers of units", "checksum", "2 coordinates of 2 latent", "layer 5", "not judged"] {
        assert!(explained.contains(word), "{word}: {explained}");
    }
    refused(place, &[&export[..], &["-o", "a.kiln"]].concat(), "'a.kiln' already exists", "--force");
    refused(place, &["export", "a.kiln", "-o", "c.kiln"], "the model is in i8w16a", "it was made of");
    refused(place, &["evaluate", "a.kiln", "--target", "mw32"], "'a.kiln' is of mog40", "leave --target out");
}

#[test]
fn the_figures_of_both_generators_stand_in_the_file() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let [table, _] = done(place, &["export", "mog40", "-o", "m.kiln"]);
    for word in ["i16w16a", "modes covered", "mode-mass total variation", "distance of a coordinate"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let [explained, _] = done(place, &["inspect", "m.kiln"]);
    assert!(explained.ends_with(&table), "{explained}");
    assert!(explained.contains("4096 samples of seed 1802071150"), "{explained}");
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    done(place, &["-q", "export", "mog40", "--format", "f32", "--no-quality", "-o", "m.kiln"]);
    let good = std::fs::read(place.join("m.kiln")).unwrap();
    let damage = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        std::fs::write(place.join(name), bytes).unwrap();
    };
    damage("flipped.kiln", &|bytes| bytes[5000] ^= 4);
    damage("short.kiln", &|bytes| bytes.truncate(9000));
    damage("long.kiln", &|bytes| bytes.push(0));
    damage("newer.kiln", &|bytes| bytes[4] = 4);
    damage("text.kiln", &|bytes| *bytes = b"[train]\nbatch = 3\n".to_vec());
    damage("empty.kiln", &|bytes| bytes.clear());
    for command in [&["inspect"][..], &["evaluate"], &["sample", "-n", "3", "-o", "x.npy"], &["export", "-o", "x.kiln"]]
    {
        let refused = |name: &str, sentence: &str, hint: &str| {
            refused(place, &[&[command[0], name], &command[1..]].concat(), sentence, hint);
        };
        refused("flipped.kiln", "'flipped.kiln' is not a model that can run: its checksum is", "export it anew");
        refused("short.kiln", "it says that it has", "copy it again");
        refused("long.kiln", "it says that it has", "copy it again");
        refused("newer.kiln", "it is of version 4, this build reads versions up to 3", "with this build");
        refused("text.kiln", "it does not begin as a model does", "that `kiln export` wrote");
        refused("empty.kiln", "it does not begin as a model does", "that `kiln export` wrote");
    }
    damage("header.kiln", &|bytes| bytes.truncate(20));
    refused(place, &["inspect", "header.kiln"], "it does not begin as a model does", "copy it again");
    for command in [&["inspect"][..], &["evaluate"], &["export", "-o", "x.kiln"], &["distill", "--hidden", "8"]] {
        let absent = [&[command[0], "absent.kiln"], &command[1..]].concat();
        refused(place, &absent, "cannot read 'absent.kiln': no such file", "a file that `kiln export` wrote");
    }
    std::fs::create_dir(place.join("folder.kiln")).unwrap();
    let refused = |arguments: &[&str], sentence: &str, hint: &str| refused(place, arguments, sentence, hint);
    refused(&["inspect", "folder.kiln"], "'folder.kiln' is a directory, and a model is a file", "`kiln export` wrote");
    refused(&["export", "folder.kiln", "-o", "x.kiln"], "'folder.kiln' is not a run", "`kiln train` wrote");
    refused(&["inspect", "mog40"], "cannot read 'mog40'", "`kiln export mog40 -o model.kiln`");
    std::fs::copy(place.join("m.kiln"), place.join("m.bin")).unwrap();
    refused(&["export", "m.bin", "-o", "x.kiln"], "the run 'm.bin' is not a directory", "whose name ends in .kiln");
}

#[test]
fn runs_that_are_not_whole_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    std::fs::create_dir(place.join("run")).unwrap();
    let refused = |sentence: &str, hint: &str| {
        refused(place, &["export", "run", "--no-quality", "-o", "m.kiln"], sentence, hint);
    };
    let find = |name: &str| kiln::pretrained::find(name).unwrap();
    refused("'run' is not a run: it has no config.toml", "`kiln train` wrote");
    let run = common::untrained_run(place);
    let write = |bytes: &[u8]| run.write("generator.safetensors", bytes).unwrap();
    refused("the run 'run' has no generator.safetensors", "kiln train --resume run");
    write(&find("mog40").generator[..5000]);
    refused("'run/generator.safetensors' is damaged", "--resume run");
    write(&common::as_of(&run, find("dw4").file().unwrap()));
    refused("the generator of 'run' has 8 coordinates, MoG-40 has 2", "not of one training");
    common::refused(place, &["inspect", "run"], "'run' is a directory", "`kiln export run -o model.kiln`");
}

#[test]
fn exports_that_cannot_be_are_refused_before_anything_is_computed() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let refused = |arguments: &[&str], sentence: &str, hint: &str| {
        refused(place, &[&["export", "mog40"], arguments].concat(), sentence, hint);
    };
    refused(&["-o", "m.kiln", "--format", "i8w16"], "unknown format 'i8w16'", "did you mean 'i8w16a'?");
    refused(&["-o", "m.bin"], "'m.bin' does not end in .kiln", "model.kiln");
    refused(&["-o", "no/m.kiln"], "'no' of 'no/m.kiln' does not exist", "create it");
    refused(&["-o", "m.kiln", "--rust", "m.txt"], "'m.txt' does not end in .rs", "model.rs");
    refused(&["-o", "m.kiln", "--c", "m.c"], "'m.c' does not end in .h", "model.h");
    refused(&["-o", "m.kiln", "--seed", "-1"], "--seed is -1", "--seed");
    refused(&["-o", ".kiln"], "'.kiln' has no name before .kiln", "model.kiln");
    // Not even root can make a file with so long a name: nothing is computed, and nothing else is written.
    let long = format!("{}.h", "a".repeat(253));
    refused(&["-o", "m.kiln", "--c", &long], &format!("cannot write '{long}'"), "another place");
    std::fs::write(place.join("m.h"), "mine").unwrap();
    refused(&["-o", "m.kiln", "--c", "m.h"], "'m.h' already exists", "--force");

    // The published network of particles.
    let train =
        ["-q", "train", "dw4", "--preset", "paper", "--out", "run", "--set", "train.steps=1", "--set", "train.inner=1"];
    let small = [
        "--set",
        "train.pretrain=0",
        "--set",
        "train.batch=4",
        "--set",
        "posterior.chain=2",
        "--set",
        "posterior.keep=1",
    ];
    judged(place, &[&train[..], &small, &["--set", "train.warmup=0"]].concat());
    let export = |format| kiln(place, &["export", "run", "--format", format, "--no-quality", "-o", "p.kiln"]);
    let output = export("i8w16a");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("parts that integers do not have: ReLU, squared distances, directed messages"), "{told}");
    assert!(export("f32").status.success());
}
