//! The header is what cbindgen makes of `src/abi.rs`. With KILN_HEADER=write it is written.

#[test]
fn the_header_is_up_to_date() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("cbindgen.toml is well-formed");
    let bindings = cbindgen::Builder::new().with_src(folder.join("src/abi.rs")).with_config(config).generate();
    let mut made = Vec::new();
    bindings.expect("abi.rs can be parsed").write(&mut made);
    let path = folder.join("include/kiln_energy.h");
    if std::env::var_os("KILN_HEADER").is_some_and(|value| value == "write") {
        std::fs::write(&path, &made).expect("include/kiln_energy.h can be written");
    }
    let found = std::fs::read(&path).unwrap_or_default();
    assert!(found == made, "include/kiln_energy.h is out of date: KILN_HEADER=write cargo test -p kiln-foreign");
}
