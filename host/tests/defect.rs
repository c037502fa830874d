//! A panic reaches nobody as such. In a file of its own: what it sets is the whole process's.

#[path = "../src/console.rs"]
#[allow(dead_code)]
mod console;
#[path = "../src/defect.rs"]
mod defect;

#[test]
fn a_panic_becomes_an_exit_code() {
    assert_eq!(defect::guard(|| 5), Ok(5));
    assert_eq!(defect::guard(|| -> u8 { panic!("a slice of\n length {}", 3) }), Err(defect::EXIT_CODE));
    let parallel = || rayon::join(|| panic!("one"), || panic!("another"));
    assert_eq!(defect::guard(parallel), Err(70));
}
