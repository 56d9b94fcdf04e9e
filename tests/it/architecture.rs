//! Imports between modules go in one direction, and each kind of work has one place. See ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::files_below;

/// The modules that each module of the library may use. `cli` belongs to the binary and may use all of them.
const MAY_USE: [(&str, &[&str]); 9] = [
    ("core", &[]),
    ("output", &["core"]),
    ("api", &["core"]),
    ("archive", &["core"]),
    ("query", &["archive", "core", "output"]),
    ("config", &["api", "core"]),
    ("sync", &["api", "archive", "core"]),
    ("daemon", &["api", "archive", "core", "query"]),
    ("web", &["core", "output"]),
];

/// A crate or an operation, and the only places that may use it.
const ONLY_IN: [(&str, &[&str]); 11] = [
    ("reqwest::", &["api/", "daemon/ping/"]),
    (
        "rusqlite::",
        &[
            "archive/",
            "daemon/metrics/",
            "query/",
            "cli/context.rs",
            "cli/basis.rs",
            "cli/completions/",
            "cli/exit.rs",
            "cli/filter.rs",
            "cli/page/",
            "cli/report/",
            "cli/report_digest.rs",
            "cli/sql.rs",
        ],
    ),
    ("clap::", &["cli/"]),
    ("indicatif::", &["cli/"]),
    ("println!", &["cli/"]),
    ("print!", &["cli/"]),
    ("eprintln!", &["cli/"]),
    ("eprint!", &["cli/"]),
    ("stdout()", &["cli/"]),
    ("stderr()", &["cli/"]),
    ("process::exit", &["cli/runtime.rs"]),
];

/// A file of `src/`: its path from there, and its code without comments.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    fn module(&self) -> &str {
        let end = self.path.find(['/', '.']).unwrap();
        &self.path[..end]
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .lines()
            .map(without_comment)
            .collect::<Vec<_>>()
            .join("\n");
        let path = path
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        Source { path, text, code }
    };
    let sources: Vec<_> = files_below(&root)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(read)
        .collect();
    assert!(sources.len() > 30, "the sources are somewhere else");
    sources
}

fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// The top-level modules that the code names: `crate::api::Client`, or `crate::{api, store}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let paths = code.split("crate::").skip(1);
    paths.flat_map(first_names).collect()
}

fn first_names(path: &str) -> Vec<String> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let Some(group) = path.strip_prefix('{') else {
        let end = path
            .find(|character| !is_name(character))
            .unwrap_or(path.len());
        return vec![path[..end].to_owned()];
    };
    let mut depth = 0;
    let mut names = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(character),
            _ => {}
        }
    }
    let first = |name: String| {
        name.trim()
            .split("::")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    names
        .into_iter()
        .map(first)
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn names_of_modules_are_found_however_they_are_written() {
    let code = "use crate::api::Client;\nuse crate::{archive::{self, Store}, core};\nfn f(x: crate::core::model::Action) {}";
    let found: Vec<_> = used_modules(code).into_iter().collect();
    assert_eq!(found, ["api", "archive", "core"]);
}

#[test]
fn every_module_uses_only_those_below_it() {
    let rules = BTreeMap::from(MAY_USE);
    for source in sources() {
        let module = source.module();
        if ["cli", "main", "lib"].contains(&module) {
            continue;
        }
        let Some(allowed) = rules.get(module) else {
            panic!("{}: say in `MAY_USE` what this module may use", source.path);
        };
        for used in used_modules(&source.code) {
            let is_allowed = used == module || allowed.contains(&used.as_str());
            assert!(is_allowed, "{} must not use `{used}`", source.path);
        }
    }
}

#[test]
fn the_rules_themselves_allow_no_circle() {
    let rules = BTreeMap::from(MAY_USE);
    let mut below: BTreeSet<&str> = BTreeSet::new();
    while below.len() < rules.len() {
        let before = below.len();
        for (module, used) in &rules {
            if used.iter().all(|used| below.contains(used)) {
                below.insert(module);
            }
        }
        assert!(below.len() > before, "in a circle: all but {below:?}");
    }
}

#[test]
fn the_configuration_knows_of_the_api_only_its_address() {
    for source in sources()
        .iter()
        .filter(|source| source.module() == "config")
    {
        for used in source.code.split("crate::api::").skip(1) {
            assert!(used.starts_with("Origin"), "{}: {used:.30}", source.path);
        }
    }
}

#[test]
fn every_kind_of_work_has_its_place() {
    for source in sources() {
        for (what, places) in ONLY_IN {
            let is_its_place = places.iter().any(|place| source.path.starts_with(place));
            assert!(
                is_its_place || !names(&source.code, what),
                "{} must not use `{what}`",
                source.path
            );
        }
    }
}

/// True when the code contains this word, and not as the end of a longer word.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        before.is_none_or(|character| !character.is_alphanumeric() && character != '_')
    })
}

#[test]
fn the_library_does_not_know_the_binary() {
    for source in sources().iter().filter(|source| source.module() != "cli") {
        let is_main = source.path == "main.rs";
        assert!(
            is_main || !used_modules(&source.code).contains("cli"),
            "{}",
            source.path
        );
        assert!(is_main || source.module() != "main", "main is one file");
    }
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{}", source.path);
    }
}
