//! Frames written and read back, and what is refused.

use super::super::Writer as _;
use super::*;
use crate::targets::builtin;

fn named(name: &str) -> Target {
    builtin().into_iter().find(|target| target.name() == name).unwrap()
}

fn read(text: &str) -> io::Result<Contents> {
    contents(text.as_bytes(), u64::MAX)
}

#[test]
fn keys_that_contradict_themselves_are_refused_and_escaped_quotes_end_nothing() {
    let frame = |comment: &str| format!("1\n{comment}\nAr 1 2 3\n");
    refused(&frame(r#"pbc="F F F" pbc="T T T""#), "pbc stands there twice");
    refused(&frame(r#"note="he said \"x\"" pbc="T T T""#), "pbc");
    assert!(read(&frame(r#"note="he said \"x\"" pbc="F F F" pbc="F F F""#)).is_ok());
}

fn refused(text: &str, words: &str) {
    let error = read(text).unwrap_err().to_string();
    assert!(error.contains(words), "{text:?}: {error}");
}

#[test]
fn a_frame_is_what_viewers_read() {
    let samples = Samples { dim: 8, data: vec![2.0, 0.5, -2.0, 0.25, 0.0, 2.0, -1e-20, -2.0] };
    let dw4 = named("dw4");
    let mut text = Vec::new();
    let mut writer = Box::new(Writer::new(&dw4, &mut text).unwrap());
    writer.put(&samples.data).unwrap();
    writer.finish().unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "4");
    let wide: Vec<f64> = samples.data.iter().map(|x| f64::from(*x)).collect();
    let energy = format!("energy={:.6}", dw4.energy(&wide));
    assert!(lines[1].starts_with("Properties=species:S:1:pos:R:3 ") && lines[1].contains(&energy), "{}", lines[1]);
    assert_eq!(lines[2..4], ["X 2 0.5 0", "X -2 0.25 0"]);
    assert_eq!(lines.len(), 6);
    let back = read(&text).unwrap();
    assert_eq!(back.samples, samples);
    let label =
        Label { target: Some("dw4".into()), convention: Some(one_line(dw4.convention())), particles: Some((4, 2)) };
    assert_eq!(back.label, label);
}

#[test]
fn columns_before_the_positions_are_not_taken_for_them() {
    for (properties, lines) in [
        ("species:S:1:id:I:1:pos:R:3", "Ar 7 1 2 3\nAr 8 4 5 6\n"),
        ("species:S:1:mass:R:1:pos:R:3:forces:R:3", "Ar 39.9 1 2 3 0 0 0\nAr 39.9 4 5 6 0 0 0\n"),
        ("pos:R:3:species:S:1", "1 2 3 Ar\n4 5 6 Ar\n"),
    ] {
        let frame = format!("2\nProperties={properties} pbc=\"F F F\"\n{lines}");
        // The second frame has columns of its own.
        let two = format!("{frame}2\nany words, it's free text\nAr 1 1 1 9.5\nAr 2 2 2 9.5\n");
        let expected = [1., 2., 3., 4., 5., 6., 1., 1., 1., 2., 2., 2.];
        assert_eq!(read(&two).unwrap().samples, Samples { dim: 6, data: expected.to_vec() }, "{properties}");
    }
}

#[test]
fn periodic_frames_are_not_taken_for_open_clusters() {
    let frame = |comment: &str| format!("1\n{comment}\nAr 1 2 3\n");
    let lattice = "Lattice=\"9 0 0 0 9 0 0 0 9\"";
    for comment in ["pbc=\"T T T\"", "pbc=[False, False, True]", "energy=1 pbc='F T F'"] {
        refused(&frame(comment), "frame 1, line 2: it is periodic");
        refused(&frame(&format!("{lattice} {comment}")), "it is periodic");
    }
    refused(&frame(lattice), "a Lattice and no pbc, which means periodic");
    refused(&frame("pbc=\"N N N\""), "not three of T and F");
    assert!(read(&frame(&format!("{lattice} pbc=\"F F F\""))).is_ok());
}

#[test]
fn broken_frames_are_refused_by_frame_and_line() {
    let first = "1\n\nAr 1 2 3\n";
    let properties = |text: &str, line: &str| format!("{first}1\nProperties={text}\n{line}\n");
    for (text, words) in [
        ("", "it holds no particles"),
        ("two\n\n", "frame 1, line 1: it does not begin with a number"),
        ("0\n\n", "frame 1, line 1: it does not begin with a number"),
        ("1", "no comment line"),
        ("2\n\nAr 1 2 3\n", "frame 1, line 4: it has fewer than 2 particles"),
        ("1\n\nAr 1 2\n", "frame 1, line 3: it has no species and three coordinates"),
        ("1\n\n1 2 3\n", "no species and three"),
        ("1\n\nAr 1 two 3\n", "frame 1, line 3: the coordinate 'two' is not a number"),
        ("1\n\nAr 1 2 3\nAr 4 5 6\n", "frame 2, line 4: it does not begin"),
        ("1\n\nAr 1 2 3\n2\n\nAr 1 2 3\nAr 1 2 3\n", "frame 2, line 5: it has other particles"),
        ("1\ndimensions=2\nAr 1 2 0.5\n", "coordinate 3 is 0.5, and dimensions=2"),
        ("1\ndimensions=4\nAr 1 2 3\n", "dimensions is 4"),
        ("1\nconvention=\"open\nAr 1 2 3\n", "convention has no closing"),
        (&properties("species:S:1:velo:R:3", "Ar 1 2 3"), "frame 2, line 5: Properties has no pos"),
        (&properties("species:S:1:pos:R:3", "Ar 1 2 3 4"), "frame 2, line 6: it has 5 columns, and Properties says 4"),
        (&properties("species:S:1:pos:S:3", "Ar 1 2 3"), "not pos:R:3"),
        (&properties("pos:R:3:pos:R:3", "1 2 3 1 2 3"), "pos twice"),
        (&properties("species:S", "Ar 1 2 3"), "is not name:type:columns"),
        (&properties("species:S:-1:pos:R:3", "Ar 1 2 3"), "is not name:type:columns"),
    ] {
        refused(text, words);
    }
    refused("1\ntarget=a\nAr 1 2 3\n1\ntarget=b\nAr 1 2 3\n", "frame 2, line 5: it names another target");
    assert!(contents(&b"1\n\xff\nAr 1 2 3\n"[..], 9).unwrap_err().to_string().contains("line 2 is not text"));
    assert!(contents(&b"1\n\nAr 1 2 3\n"[..], 2).unwrap_err().to_string().contains("memory"));
}

#[test]
fn what_is_not_particles_is_refused() {
    assert!(Writer::new(&named("mog40"), Vec::new()).is_err());
}
