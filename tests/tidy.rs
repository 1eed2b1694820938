//! The rules of this code that a compiler does not hold: who may import whom, where sockets, clocks and
//! the database are, how long files get. A rule is a line of data here; breaking one names file and line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which parts a part of `src` may use besides itself. `app` builds everything and is not in the table.
const IMPORTS: [(&str, &[&str]); 15] = [
    ("main", &["cli"]),
    ("cli", &["app", "render", "config", "model", "clock"]),
    // `device` only to understand and show addresses.
    ("server", &["actors", "cluster", "store", "protocol", "device", "config", "model", "clock"]),
    ("cluster", &["actors", "store", "protocol", "config", "model", "clock"]),
    ("actors", &["model", "store", "printing", "device", "config", "clock", "failpoint"]),
    ("printing", &["model", "render", "raster", "store", "device", "config", "clock", "failpoint"]),
    ("render", &["model", "raster"]),
    ("device", &["protocol", "model", "clock", "failpoint"]),
    ("store", &["model", "clock", "failpoint"]),
    ("failpoint", &[]),
    ("config", &["model"]),
    ("clock", &["model"]),
    ("model", &[]),
    ("protocol", &[]),
    ("raster", &[]),
];

/// Words that may stand only below certain paths of `src`, and why.
const PLACES: [(&[&str], &[&str], &str); 5] = [
    (&["actix::", "actix_"], &["actors", "server", "cluster", "app/"], "actors are thin shells"),
    (
        &[" sled::", "(sled::", "<sled::"],
        &["store/sled.rs", "store/sled/"],
        "the database can be replaced by touching one file",
    ),
    (
        &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener", "UnixDatagram", "socket2::"],
        &["device", "server", "cluster", "cli"],
        "sockets are at the edges",
    ),
    (
        &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"],
        // The listener's deadlines are tokio's timers, and tokio's clock, which tests can pause.
        &["clock.rs", "server/http/wire.rs"],
        "time is told, not asked for",
    ),
    (
        &["serde::", "Serialize", "Deserialize"],
        &["store", "server", "cluster", "cli"],
        "model types are not stored or sent",
    ),
];

/// What the pure parts must not touch.
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::io",
    "std::thread",
    "std::env",
    "std::process",
    "tokio::",
    "log::",
    "async fn",
    "rand::",
    "getrandom",
];
const PURE: [&str; 3] = ["model", "protocol", "raster"];

/// Without the tests at a file's end; a file of nothing but tests may be twice as long.
const LINES_MAX: usize = 400;

struct Source {
    /// From the root of the repository, such as `src/cli/mod.rs`.
    path: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests"))
}

/// All Rust files below a folder.
fn sources(folder: &str) -> Vec<Source> {
    let all = files(&root().join(folder)).into_iter();
    let rust = all.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: PathBuf| Source {
        path: path.strip_prefix(root()).expect("it is below the root").display().to_string(),
        text: fs::read_to_string(&path).expect("source is text"),
    };
    rust.map(read).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.expect("a folder can be read").path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Lines of code with their numbers: comments are left out.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.text.lines().enumerate().map(|(number, line)| (number + 1, line));
    let lines = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines.map(|(number, line)| (number, line.split(" // ").next().unwrap_or(line)))
}

/// Fails with all that was found, a line each.
fn check(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n  {}\n", broken.join("\n  "));
}

/// The part of the program that a file of `src` belongs to.
fn part(path: &str) -> &str {
    let path = path.strip_prefix("src/").unwrap_or(path);
    path.split(['/', '.']).next().unwrap_or(path)
}

/// The parts that a file names after `crate::` or, in `main.rs`, `spool::`; in braces too.
fn imported(source: &Source) -> BTreeSet<String> {
    let text: String = code(source).map(|(_, line)| format!("{line}\n")).collect();
    let mut parts = BTreeSet::new();
    let own = if part(&source.path) == "main" { "spool::" } else { "crate::" };
    for (at, _) in text.match_indices(own) {
        let rest = &text[at + own.len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => top_level_names(group),
            None => vec![rest],
        };
        let ident = |name: &str| -> String {
            name.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        };
        parts.extend(names.into_iter().map(ident).filter(|name| !name.is_empty()));
    }
    parts
}

/// `a::b, c::{d, e}, f}` as `a::b`, ` c::{d, e}`, ` f`.
fn top_level_names(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn parts_import_only_what_they_may() {
    let known: BTreeSet<&str> = IMPORTS.iter().map(|(part, _)| *part).chain(["app", "lib"]).collect();
    let mut broken = Vec::new();
    for source in sources("src") {
        let own = part(&source.path);
        if !known.contains(own) {
            broken.push(format!("{}: a part that tests/tidy.rs does not know", source.path));
        }
        let Some((_, allowed)) = IMPORTS.iter().find(|(part, _)| *part == own) else { continue };
        for other in imported(&source) {
            let is_part = known.contains(other.as_str());
            if is_part && other != own && !allowed.contains(&other.as_str()) {
                broken.push(format!("{}: {own} must not use {other}", source.path));
            }
        }
    }
    check("a part uses what it may not", broken);
}

#[test]
fn things_are_where_they_belong() {
    let mut broken = Vec::new();
    for source in sources("src") {
        let path = source.path.strip_prefix("src/").unwrap_or(&source.path);
        for (words, places, why) in PLACES {
            if places.iter().any(|place| path.starts_with(place)) {
                continue;
            }
            let hit = |line: &str| words.iter().any(|word| line.contains(word));
            broken.extend(
                code(&source)
                    .filter(|(_, line)| hit(line))
                    .map(|(number, line)| format!("{}:{number}: {why}: {}", source.path, line.trim())),
            );
        }
    }
    check("something is where it does not belong", broken);
}

#[test]
fn the_pure_parts_are_pure() {
    let mut broken = Vec::new();
    for source in sources("src").iter().filter(|source| PURE.contains(&part(&source.path))) {
        let hit = |line: &str| IMPURE.iter().any(|word| line.contains(word));
        let lines = code(source).filter(|(_, line)| hit(line));
        broken.extend(lines.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())));
    }
    check("a pure part reaches outside", broken);
}

/// What `src/store/disk.rs` does not do is not noted when power cuts are played back.
#[test]
fn the_store_changes_files_in_one_place() {
    let words =
        ["sync_all()", "File::sync_data", "fs::rename", "fs::remove_file(", ".set_len(", ".write_all("];
    // sled's own files, the number in the lock, and copies that go elsewhere.
    let others = ["embedded/revive.rs", "state.rs", "backup.rs"].map(|file| format!("src/store/{file}"));
    let mut broken = Vec::new();
    for source in sources("src/store") {
        let is_test = source.path.contains("test");
        if is_test || source.path == "src/store/disk.rs" || others.contains(&source.path) {
            continue;
        }
        // In the journal it is the method of a trait, behind which disk.rs stands.
        let in_journal = source.path.starts_with("src/store/journal/");
        let hit = |line: &str| {
            words.iter().any(|word| line.contains(word)) || !in_journal && line.contains(".sync_data()")
        };
        let lines = code(&source).filter(|(_, line)| hit(line));
        broken.extend(lines.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())));
    }
    check("the store changes a file outside src/store/disk.rs", broken);
}

#[test]
fn files_can_be_read_at_one_sitting() {
    let mut broken = Vec::new();
    for source in sources("src") {
        let lines = source.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        let most = if source.path.ends_with("/tests.rs") { 2 * LINES_MAX } else { LINES_MAX };
        if lines > most {
            broken.push(format!("{}: {lines} lines", source.path));
        }
    }
    check(&format!("a file is longer than {LINES_MAX} lines"), broken);
}

#[test]
fn tests_neither_sleep_nor_are_skipped() {
    let mut broken = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let in_tests = source.path.starts_with("tests/");
        let hit = |line: &str| {
            // What a failpoint does to the program is no sleep of the test.
            let line = line.replace(concat!("*sle", "ep("), "");
            line.contains(concat!("#[ig", "nore")) || in_tests && line.contains(concat!("sle", "ep("))
        };
        let lines = code(&source).filter(|(_, line)| hit(line));
        broken.extend(lines.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())));
    }
    check("a test sleeps or is skipped", broken);
}

#[test]
fn what_is_left_to_do_is_written_down() {
    let gaps = fs::read_to_string(root().join("docs/gaps.md")).expect("docs/gaps.md is there");
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let mut broken = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let marked = source.text.lines().any(|line| marks.iter().any(|mark| line.contains(mark)));
        if marked && !gaps.contains(&source.path) {
            broken.push(source.path);
        }
    }
    check("a mark in a file that docs/gaps.md does not name", broken);
}

#[test]
fn paths_in_the_documents_exist() {
    const FOLDERS: [&str; 7] = ["src/", "tests/", "docs/", "static/", ".ci/", ".config/", "fuzz/"];
    let mut broken = Vec::new();
    for document in ["ARCHITECTURE.md", "README.md", "docs/gaps.md"] {
        let text = fs::read_to_string(root().join(document)).expect("the document is there");
        // Every second piece between backticks is quoted.
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path = FOLDERS.iter().any(|folder| quoted.starts_with(folder));
            if is_path && !quoted.contains(char::is_whitespace) && !root().join(quoted).exists() {
                broken.push(format!("{document}: {quoted}"));
            }
        }
    }
    check("a document names what is not there", broken);
}

/// Words of the place where this was written mean nothing to those who read it elsewhere.
#[test]
fn the_code_stands_for_itself() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("/shared/", "design"),
        concat!("inter", "face.md"),
        concat!("arch", "itecture.md"),
        concat!("mod", "els.md"),
        concat!("wor", "ktree"),
        concat!("sub", "-agent"),
        concat!("Clau", "de"),
        concat!("Anthro", "pic"),
    ];
    let folders = ["src", "tests", "docs", "static", ".ci", ".config"];
    let top =
        fs::read_dir(root()).expect("the root can be read").map(|entry| entry.expect("an entry").path());
    let top = top.filter(|path| path.is_file() && !path.ends_with(".git"));
    let below = folders.iter().flat_map(|folder| files(&root().join(folder)));
    let mut broken = Vec::new();
    for path in top.chain(below) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                broken.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    check("a word that means nothing outside", broken);
}

/// A checker that cannot find anything proves nothing.
#[test]
fn the_checks_find_what_they_look_for() {
    let source = Source {
        path: "src/model/x.rs".to_owned(),
        text: "// crate::no\nuse crate::{a::b, c::{d, e},\n f};\nuse crate::g; // sled::\n".to_owned(),
    };
    let found: Vec<String> = imported(&source).into_iter().collect();
    assert_eq!(found, ["a", "c", "f", "g"]);
    assert!(code(&source).all(|(_, line)| !line.contains("sled")));
    assert_eq!((part("src/app.rs"), part("src/cli/client/mod.rs")), ("app", "cli"));
}
