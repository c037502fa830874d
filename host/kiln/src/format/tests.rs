//! What holds for files of every format.

use super::read::{LONGEST_LINE, Lines};
use super::*;
use crate::samples::Samples;
use crate::targets::builtin;
use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::io::Read as _;

/// The extensions there are.
const ALL: [&str; 9] = ["npy", "npz", "csv", "xyz", "extxyz", "npy.gz", "csv.gz", "xyz.gz", "extxyz.gz"];

fn named(name: &str) -> Target {
    builtin().into_iter().find(|target| target.name() == name).unwrap()
}

fn bits(samples: &Samples) -> Vec<u32> {
    samples.data.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_format_reads_back_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let target = named("dw4");
    let data: Vec<f32> = vec![0.1, -1.5e-20, 3.4e38, f32::MIN_POSITIVE, 1.0 / 3.0, -0.0, 2.0, 5e7];
    let samples = Samples { dim: 8, data };
    for name in ALL.map(|extension| format!("a.{extension}")).into_iter().chain(["B.CSV".into(), "B.Xyz.GZ".into()]) {
        let path = place.path().join(&name);
        write(&path, &samples, &target, false).unwrap();
        let back = read(&path).unwrap();
        assert_eq!(back.dim, 8);
        assert_eq!(bits(&back), bits(&samples), "{name}");
        let before = std::fs::read(&path).unwrap();
        let other = Samples { dim: 8, data: vec![1.0; 8] };
        assert!(write(&path, &other, &target, false).unwrap_err().hint().contains("--force"));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        write(&path, &samples, &target, true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}: the same samples give the same bytes");
    }
}

#[test]
fn parts_make_the_same_file_as_the_whole() {
    let place = tempfile::tempdir().unwrap();
    let target = named("dw4");
    let data: Vec<f32> = (0..8 * 1000).map(|i| (i as f32).sin()).collect();
    let whole = Samples { dim: 8, data };
    for name in ALL {
        let [one, many] = ["one", "many"].map(|file| place.path().join(format!("{file}.{name}")));
        write(&one, &whole, &target, false).unwrap();
        let format = Format::of(&many).unwrap();
        let in_parts =
            |put: Put| whole.data.chunks(8 * 77).try_for_each(|part| put(&Samples { dim: 8, data: part.to_vec() }));
        write_in_parts(&many, format, 1000, &target, false, in_parts).unwrap();
        let bytes = std::fs::read(&one).unwrap();
        assert!(bytes == std::fs::read(&many).unwrap(), "{name}");
        // A stream gets the same bytes.
        let mut stream = Vec::new();
        match write_to(&mut stream, format, 1000, &target, in_parts) {
            Ok(written) => assert!(written.is_ok() && stream == bytes, "{name}"),
            Err(error) => assert!(name == "npz" && error.to_string().contains("to a file only"), "{name}: {error}"),
        }
    }
}

#[test]
fn gzip_changes_nothing_of_what_it_holds() {
    let place = tempfile::tempdir().unwrap();
    let target = named("dw4");
    let samples = Samples { dim: 8, data: (0..8 * 1000).map(|i| (i as f32).sin()).collect() };
    for name in ["npy", "csv", "xyz", "extxyz"] {
        let [plain, gzipped] =
            [name.to_string(), format!("{name}.gz")].map(|name| place.path().join("a").with_extension(name));
        for path in [&plain, &gzipped] {
            write(path, &samples, &target, false).unwrap();
        }
        let [bytes, compressed] = [&plain, &gzipped].map(|path| std::fs::read(path).unwrap());
        let mut held = Vec::new();
        MultiGzDecoder::new(&compressed[..]).read_to_end(&mut held).unwrap();
        assert!(held == bytes && compressed.len() < bytes.len(), "{name}");
        assert_eq!(open(&gzipped).unwrap(), open(&plain).unwrap(), "{name}");
        // Cut off in the middle, no gzip data, and gzip data under the name of what they hold.
        std::fs::write(&gzipped, &compressed[..compressed.len() / 2]).unwrap();
        let error = open(&gzipped).unwrap_err();
        assert!(error.to_string().ends_with("its gzip data are cut off"), "{error}");
        assert!(error.hint().starts_with("it must hold the gzip data of ") && error.exit_code() == 2);
        std::fs::rename(&plain, &gzipped).unwrap();
        assert!(open(&gzipped).unwrap_err().to_string().contains("its gzip data are damaged"));
        std::fs::write(&plain, &compressed).unwrap();
        let told = open(&plain).unwrap_err().to_string();
        assert!(told.ends_with(&format!("it is compressed by gzip; end its name in .{name}.gz")), "{told}");
    }
}

#[test]
fn a_stream_that_takes_no_more_ends_the_drawing() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let target = named("dw4");
    let part = Samples { dim: 8, data: (0..8 * 1000).map(|i| (i as f32).sin()).collect() };
    for name in ["npy", "csv", "xyz", "extxyz.gz"] {
        let mut parts = 0;
        let ended = write_to(Full(1_000_000), Format::named(name).unwrap(), u64::MAX, &target, |put| {
            loop {
                parts += 1;
                put(&part)?;
            }
            #[expect(unreachable_code, reason = "it has a type")]
            Ok(())
        });
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe, "{name}");
        assert!((2..100).contains(&parts), "{name}: {parts}");
    }
}

#[test]
fn coordinates_with_names_have_them_in_a_file() {
    let place = tempfile::tempdir().unwrap();
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formula/zoo/schools.toml");
    let target = crate::formula::target(&zoo).unwrap();
    let samples = Samples { dim: target.dim(), data: (0..2 * target.dim()).map(|i| i as f32 / 8.0).collect() };
    for name in ["a.csv", "a.csv.gz"] {
        let path = place.path().join(name);
        write(&path, &samples, &target, false).unwrap();
        assert_eq!(read(&path).unwrap(), samples);
    }
    let text = std::fs::read_to_string(place.path().join("a.csv")).unwrap();
    assert!(text.starts_with("mu,log_tau,theta[0],theta[1],"), "{text}");
}

#[test]
fn a_file_that_was_not_finished_is_not_there() {
    let place = tempfile::tempdir().unwrap();
    let target = named("dw4");
    let part = Samples { dim: 8, data: vec![0.5; 8] };
    for name in ALL {
        let path = place.path().join(format!("x.{name}"));
        let format = Format::named(name).unwrap();
        let stopped = write_in_parts(&path, format, 2, &target, false, |put| {
            put(&part)?;
            Err::<(), _>(Error::interrupted("stopped", "go on"))
        });
        assert_eq!(stopped.unwrap_err().exit_code(), 130);
        let short = write_in_parts(&path, format, 2, &target, false, |put| put(&part));
        assert!(short.unwrap_err().to_string().contains("1 samples came where 2"));
        let other = write_in_parts(&path, format, 1, &target, false, |put| {
            // A caller that does not look.
            let _ = put(&Samples { dim: 3, data: vec![0.0; 3] });
            Ok(())
        });
        assert!(other.unwrap_err().to_string().contains("something else"));
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn bad_destinations_are_refused() {
    let place = tempfile::tempdir().unwrap();
    for name in ["a.txt", "a", "a.gz", ".gz", "a.txt.gz", "csv"] {
        let error = Format::of(&place.path().join(name)).unwrap_err();
        assert!(error.to_string().contains("no extension that names a format"), "{error}");
    }
    assert!(Format::of(Path::new("a.npz.gz")).unwrap_err().to_string().contains("archives are not gzipped"));
    let error = check_destination(&place.path().join("no/a.npy"), false).unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
    std::fs::create_dir(place.path().join("d.npy")).unwrap();
    assert!(check_destination(&place.path().join("d.npy"), true).is_err());
    let error = open(&place.path().join("d.npy")).unwrap_err();
    assert!(error.to_string().contains("is not a file"), "{error}");
}

#[test]
fn formats_are_named_by_their_extensions() {
    for name in ALL {
        let format = Format::named(name).unwrap();
        assert_eq!(format.to_string(), format!(".{name}"));
        assert_eq!(Format::of(Path::new(&format!("a.b.{name}"))).unwrap(), format);
    }
    for (name, hint) in
        [("cvs", "did you mean 'csv'?"), ("zebra", "there are .npy"), ("npz.gz", "all but .npz"), ("", "there are")]
    {
        let error = Format::named(name).unwrap_err();
        assert!(error.hint().contains(hint) && error.to_string().contains("no format of samples"), "{}", error.hint());
    }
    for (path, manifest) in [("a/x.npy", "a/x.json"), ("x.csv.gz", "x.json"), ("x.b.xyz.GZ", "x.b.json")] {
        assert_eq!(manifest_of(Path::new(path)), Path::new(manifest));
    }
}

#[test]
fn what_has_no_room_is_refused_with_the_estimate() {
    let place = tempfile::tempdir().unwrap();
    let target = named("dw4");
    let refused = |name: &str, n: u64, word: &str| {
        let path = place.path().join(name);
        let error = check_space(&path, Format::of(&path).unwrap(), n, &target).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.exit_code(), 2);
    };
    refused("a.npz", 1 << 30, "34.4 GB, and an .npz holds 4 GB");
    if space::available_disk(place.path()).is_some() {
        refused("a.npy", u64::MAX, "samples of DW-4 take 590295810.4 TB, and the disk of '");
        refused("a.csv", u64::MAX, " free");
        refused("a.xyz.gz", u64::MAX, " free");
    }
    assert!(check_space(&place.path().join("a.npy"), Format::named("npy").unwrap(), 1000, &target).is_ok());
}

#[test]
fn files_of_something_else_are_refused() {
    let place = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.npy", "not an array"),
        ("a.npz", "not an archive"),
        ("a.csv", "x0,x1\n1,2\n3\n"),
        ("b.csv", "x0\none\n"),
        ("a.extxyz", "one\n"),
        ("a.xyz", "one\n"),
        ("a.xyz.gz", "no gzip data"),
        ("empty.csv.gz", ""),
    ] {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.hint().contains("it must hold"), "{name}");
    }
}

#[test]
fn a_label_of_another_target_is_refused() {
    let lj13 = named("lj13");
    let label = |target: &str, convention: &str, particles| Label {
        target: Some(target.into()),
        convention: Some(convention.into()),
        particles: Some(particles),
    };
    let ours = label::one_line(lj13.convention());
    assert!(label("lj13", &ours, (13, 3)).check("x", &lj13).is_ok());
    assert!(Label::default().check("x", &lj13).is_ok());
    for (label, word) in [
        (label("lj13-pairs-once", &ours, (13, 3)), "of lj13-pairs-once, not of lj13"),
        (label("lj13", "pairs once", (13, 3)), "another convention than LJ-13's: pairs once"),
        (label("lj13", &ours, (3, 13)), "3 particles in 13 dimensions, LJ-13 has 13 in 3"),
    ] {
        let error = label.check("x", &lj13).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let particles = Label { particles: Some((16, 2)), ..Label::default() };
    let error = particles.check("x", &named("mw32")).unwrap_err();
    assert!(error.to_string().contains("Many-Well-32 has no particles"), "{error}");
}

/// Deterministic random numbers (Knuth's MMIX generator, high bits).
struct Dice(Cell<u64>);

impl Dice {
    fn below(&self, n: usize) -> usize {
        self.0.set(self.0.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        ((self.0.get() >> 33) as usize) % n.max(1)
    }
}

/// Another file: some bytes changed, cut out, doubled or put in.
fn mutated(bytes: &[u8], dice: &Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let some = &b"\x00\xff{}()[],:'\"\n -.0123456789eTF=xPK"[..];
        match dice.below(6) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << dice.below(8)),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = some[dice.below(some.len())]),
            2 => bytes.truncate(at),
            3 => drop(bytes.splice(at..(at + dice.below(9)).min(bytes.len()), [])),
            4 => drop(bytes.splice(at..at, vec![some[dice.below(some.len())]; dice.below(40)])),
            _ => {
                let end = (at + dice.below(60)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part));
            }
        }
    }
    bytes
}

#[test]
fn no_bytes_make_a_reader_panic_or_hang() {
    let place = tempfile::tempdir().unwrap();
    let target = named("dw4");
    let samples = Samples { dim: 8, data: (0..24).map(|i| i as f32 / 7.0).collect() };
    let format = |name: &str| Format::named(name).unwrap();
    let mut files: Vec<(Format, Vec<u8>)> = vec![
        (format("npy"), include_bytes!("fixtures/particles_fortran.npy").to_vec()),
        (format("npz"), include_bytes!("fixtures/compressed.npz").to_vec()),
        (format("npz"), include_bytes!("fixtures/arr_0.npz").to_vec()),
    ];
    for name in ALL {
        let path = place.path().join("a").with_extension(name);
        write(&path, &samples, &target, false).unwrap();
        files.push((format(name), std::fs::read(&path).unwrap()));
    }
    let start = std::time::Instant::now();
    let dice = Dice(Cell::new(13));
    let mut read = 0;
    for (format, bytes) in files {
        for _ in 0..1000 {
            let bytes = mutated(&bytes, &dice);
            let length = bytes.len() as u64;
            if let Ok(contents) = format.read(io::Cursor::new(bytes), length) {
                assert!(contents.samples.dim > 0 && contents.samples.data.len().is_multiple_of(contents.samples.dim));
                read += 1;
            }
        }
    }
    assert!(read > 100, "some are still files");
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn a_line_without_an_end_is_not_read_into_memory() {
    let endless = Lines::of(io::repeat(0));
    let mut read = Vec::new();
    let error = endless.take(1 << 30).read_to_end(&mut read).unwrap_err();
    assert!(error.to_string().contains("a line is longer") && read.len() <= 2 * LONGEST_LINE, "{error}");
    let lines = b"1,2\n".repeat(100);
    let mut whole = Lines::of(&lines[..]);
    read.clear();
    assert_eq!(whole.read_to_end(&mut read).unwrap(), 400);
}
