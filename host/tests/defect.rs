//! A panic reaches nobody as such. In a file of its own: what it sets is the whole process's.

#[test]
fn a_panic_becomes_an_exit_code() {
    assert_eq!(host::defect::guard(|| 5), Ok(5));
    assert_eq!(host::defect::guard(|| -> u8 { panic!("a slice of\n length {}", 3) }), Err(host::defect::EXIT_CODE));
    let parallel = || rayon::join(|| panic!("one"), || panic!("another"));
    assert_eq!(host::defect::guard(parallel), Err(70));
}
