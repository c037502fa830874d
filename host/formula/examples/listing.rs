fn main() {
    let p = std::env::args().nth(1).unwrap();
    let f = kiln_formula::Formula::read(std::path::Path::new(&p), &|_| Err("".into())).unwrap();
    println!("{}", f.listing());
}
