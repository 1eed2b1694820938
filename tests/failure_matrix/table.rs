//! What holds `docs/failures.md` to the tests, and the tests to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The names of the tests below a folder; those that a macro makes stand in its lines.
fn tests_below(folder: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in rust_files(&root().join(folder)) {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let after = lines[at + 1..].iter().find(|line| !line.starts_with("#["));
            let named = after.and_then(|line| line.strip_prefix("fn ")?.split(['(', '<']).next());
            if *line == "#[test]"
                && let Some(name) = named.filter(|name| !name.starts_with('$'))
            {
                names.insert(name.to_owned());
            }
        }
        let made = lines.iter().skip_while(|line| !line.starts_with("lines! {")).skip(1);
        for line in made.take_while(|line| **line != "}") {
            let (line, _) = line.split_once(':').unwrap();
            names.extend(line.split(", ").map(str::to_owned));
        }
    }
    names
}

/// The names in the table: what stands in code marks and has the form of one.
fn named() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/failures.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('|'));
    let marked = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let is_name = |word: &&str| {
        word.matches('_').count() >= 2
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    marked.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_test_that_the_document_names_is_there() {
    let there: BTreeSet<String> = tests_below("tests").union(&tests_below("src")).cloned().collect();
    let missing: Vec<_> = named().difference(&there).cloned().collect();
    assert!(missing.is_empty(), "docs/failures.md names tests that are not there: {missing:#?}");
    assert!(named().len() > 40, "{:#?}", named());
}

#[test]
fn every_test_of_the_matrix_is_in_the_document() {
    let about_the_document = [
        "every_test_that_the_document_names_is_there",
        "every_test_of_the_matrix_is_in_the_document",
        "every_row_names_a_test_for_a_printer_alone_and_in_a_pool",
    ];
    let matrix = tests_below("tests/failure_matrix");
    let named = named();
    let missing: Vec<_> = matrix
        .iter()
        .filter(|name| !named.contains(*name) && !about_the_document.contains(&&***name))
        .collect();
    assert!(missing.is_empty(), "docs/failures.md lacks {missing:#?}");
    assert!(matrix.len() > 30, "{matrix:#?}");
}

/// A row is a line for a printer alone, or in a pool, and ends with a test.
#[test]
fn every_row_names_a_test_for_a_printer_alone_and_in_a_pool() {
    let text = fs::read_to_string(root().join("docs/failures.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Fault"));
    for row in rows.filter(|row| !row.starts_with("|--")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 7, "{row}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "an empty cell: {row}");
        assert!(cells[5].starts_with('`') && cells[6].starts_with('`'), "no test: {row}");
    }
}
