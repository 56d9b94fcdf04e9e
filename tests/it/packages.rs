//! What Cargo.toml says about packages is about files that exist, and about the same files in each package.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

const MANIFEST: &str = include_str!("../../Cargo.toml");
const UNITS: &str = "usr/lib/systemd/system/";

#[test]
fn a_package_is_made_of_files_of_the_repository_and_of_what_its_script_makes() {
    let script = include_str!("../../.ci/packages");
    for (source, destination) in debian().into_iter().chain(rpm()) {
        let is_there = match source.strip_prefix("target/") {
            Some("release/archiver") => true,
            Some(made) => {
                script.contains(&made.replace("stage/", "$stage/").replace("/*.1.gz", ""))
            }
            None => Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(&source)
                .is_file(),
        };
        assert!(is_there, "{source} for {destination}");
    }
}

#[test]
fn both_packages_have_the_same_programs_units_pages_and_configuration() {
    let common = |files: Vec<(String, String)>| -> BTreeSet<String> {
        let sources = files.into_iter().map(|(source, _)| source);
        sources
            .filter(|source| !source.contains("CHANGELOG") && source != "LICENSE")
            .collect()
    };
    // cargo-deb adds the units of `systemd-units` itself.
    let mut debian = common(debian());
    for unit in [
        "archiver.service",
        "archiver-sync.service",
        "archiver-sync.timer",
    ] {
        debian.insert(format!("examples/systemd/{unit}"));
    }
    assert_eq!(debian, common(rpm()));
}

#[test]
fn every_unit_is_packaged_and_finds_its_program_wherever_that_is() {
    let packaged: BTreeSet<_> = rpm()
        .into_iter()
        .filter(|(_, destination)| destination == UNITS)
        .map(|(source, _)| source)
        .collect();
    for entry in
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/systemd")).unwrap()
    {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".service") || name.ends_with(".timer") {
            let source = format!("examples/systemd/{name}");
            assert!(packaged.contains(&source), "{name}");
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&source))
                .unwrap();
            assert!(
                !text.contains("/archiver sync") && !text.contains("/archiver daemon"),
                "{name}"
            );
        }
    }
}

#[test]
fn the_readme_installs_the_packages_of_this_version() {
    let readme = include_str!("../../README.md");
    let version = env!("CARGO_PKG_VERSION");
    for package in [
        format!("archiver_{version}-1_amd64.deb"),
        format!("archiver-{version}-1.x86_64.rpm"),
        format!("archiver-{version}-x86_64-unknown-linux-musl.tar.gz"),
    ] {
        assert!(readme.contains(&package), "{package}");
    }
}

/// Source and destination of each file in the Debian package.
fn debian() -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let assets = metadata("deb");
    assets
        .iter()
        .map(|asset| (text(&asset[0]), text(&asset[1])))
        .collect()
}

/// Source and destination of each file in the RPM, without the slash at the beginning.
fn rpm() -> Vec<(String, String)> {
    let assets = metadata("generate-rpm");
    let text = |value: &Value| value.as_str().unwrap().trim_start_matches('/').to_owned();
    assets
        .iter()
        .map(|asset| (text(&asset["source"]), text(&asset["dest"])))
        .collect()
}

fn metadata(package: &str) -> Vec<Value> {
    let manifest: Table = MANIFEST.parse().unwrap();
    let metadata = &manifest["package"]["metadata"][package];
    metadata["assets"].as_array().unwrap().clone()
}
