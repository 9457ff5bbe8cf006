//! The page for operators names tests that exist.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_page_names_exists() {
    let root = Path::new("..");
    let page = fs::read_to_string(root.join("plugins/OPERATORS.md")).unwrap();
    let mut count = 0;
    for line in page.lines().filter(|line| line.starts_with('|') && line.contains(".rs` `")) {
        let (_, proofs) = line.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        for proof in proofs.split(", ") {
            let (file, test) = proof.trim_matches('`').split_once("` `").unwrap();
            let folder = if file.contains('/') { "" } else { "gateway/tests/library" };
            let source = fs::read_to_string(root.join(folder).join(file)).unwrap();
            assert!(source.contains(&format!("fn {test}(")), "{file} has no test {test}");
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}
