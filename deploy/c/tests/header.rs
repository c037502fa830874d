//! The header is what cbindgen makes of `kiln-abi`. With KILN_HEADER=write (`scripts/c --header`) it is written.

#[test]
fn the_header_is_up_to_date() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("cbindgen.toml is well-formed");
    let bindings = cbindgen::Builder::new().with_crate(folder.join("../abi")).with_config(config).generate();
    let mut made = Vec::new();
    bindings.expect("kiln-abi can be parsed").write(&mut made);
    let path = folder.join("include/kiln.h");
    if std::env::var_os("KILN_HEADER").is_some_and(|value| value == "write") {
        std::fs::write(&path, &made).expect("include/kiln.h can be written");
    }
    let found = std::fs::read(&path).unwrap_or_default();
    assert!(found == made, "include/kiln.h is out of date: run scripts/c --header");
}
