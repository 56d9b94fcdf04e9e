//! Runs that are killed at each of their steps, and folders that hold something else.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::core::files::Hashed;

/// The ids in each month. The files of these tests hold them as lines.
type Months = BTreeMap<&'static str, Vec<i64>>;

fn before() -> Months {
    Months::from([
        ("1970-01-01", vec![1, 2]),
        ("2026-09-01", vec![7]),
        ("2026-10-01", vec![3, 4]),
        ("2026-11-01", vec![5]),
    ])
}

/// One action has got its start, one month has no action any more, one month has a new action.
fn after() -> Months {
    Months::from([
        ("1970-01-01", vec![2]),
        ("2026-10-01", vec![3, 4]),
        ("2026-11-01", vec![1, 5, 6, 7]),
    ])
}

fn archive(account: Option<&str>) -> ExportedArchive {
    ExportedArchive {
        account: account.map(str::to_owned),
        is_complete: true,
        ..ExportedArchive::default()
    }
}

fn file(lake: &mut Lake, path: String, ids: &[i64]) -> Result<ExportedFile, Error> {
    let text: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let mut nowhere = Hashed::new(io::sink());
    nowhere.write_all(text.as_bytes()).unwrap();
    let (bytes, sha256) = nowhere.result();
    if let Some(there) = lake.intact(&path)?.filter(|it| it.sha256 == sha256) {
        return Ok(there.clone());
    }
    let mut sink = lake.create(&path)?;
    at(Path::new(&path), sink.write_all(text.as_bytes()))?;
    Ok(ExportedFile {
        path,
        rows: ids.len() as u64,
        smallest_id: ids.iter().min().copied(),
        largest_id: ids.iter().max().copied(),
        bytes,
        sha256,
    })
}

/// Exports these months, and a table of one file with all ids.
fn export_on(
    disk: Disk,
    root: &Path,
    account: Option<&str>,
    months: &Months,
) -> Result<Changes, Error> {
    let mut lake = Lake::open_on(disk, root)?;
    let key = account.map_or(String::new(), |name| format!("/account={name}"));
    let mut actions = Vec::new();
    for (month, ids) in months {
        let path = format!("actions{key}/month={month}/actions.parquet");
        actions.push(file(&mut lake, path, ids)?);
    }
    let all: Vec<_> = months.values().flatten().copied().collect();
    let path = format!("droplets{key}/droplets.parquet");
    actions.push(file(&mut lake, path, &all)?);
    lake.publish(archive(account), actions)
}

fn disk(exchanges: bool) -> Disk {
    let step: Step = Box::new(|| Ok(()));
    Disk { step, exchanges }
}

fn export(root: &Path, months: &Months) -> Changes {
    export_on(disk(true), root, None, months).unwrap()
}

/// A disk that does this many steps, and nothing after that. The counter goes on.
fn killed_after(steps: usize, exchanges: bool) -> (Disk, Arc<AtomicUsize>) {
    let done = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&done);
    let step: Step = Box::new(move || {
        if counter.fetch_add(1, Ordering::Relaxed) < steps {
            Ok(())
        } else {
            Err(io::Error::other("killed"))
        }
    });
    (Disk { step, exchanges }, done)
}

/// What an engine reads: the ids of each month.
fn read(root: &Path) -> BTreeMap<String, Vec<i64>> {
    let mut months = BTreeMap::new();
    for rest in below(&root.join("actions")).unwrap().0 {
        let text = fs::read_to_string(root.join("actions").join(&rest)).unwrap();
        let month = rest.parent().unwrap().to_str().unwrap();
        let ids = text.lines().map(|line| line.parse().unwrap()).collect();
        months.insert(month.trim_start_matches("month=").to_owned(), ids);
    }
    months
}

fn named(months: &Months) -> BTreeMap<String, Vec<i64>> {
    let named = months
        .iter()
        .map(|(month, ids)| ((*month).to_owned(), ids.clone()));
    named.collect()
}

#[track_caller]
fn is_sound(root: &Path) {
    let checked = check(root).unwrap();
    assert_eq!(checked.problems, [""; 0]);
}

/// The names in the folder.
fn names(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Kills a run from `old` to [`after`] before each of its steps, and hands the folder to `look`.
fn kill_everywhere(old: Option<&Months>, exchanges: bool, mut look: impl FnMut(usize, &Path)) {
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("lake");
        if let Some(old) = old {
            export(&root, old);
        }
        let (disk, _) = killed_after(steps, exchanges);
        let is_done = export_on(disk, &root, None, &after()).is_ok();
        look(steps, &root);
        if is_done {
            assert!(steps > 20, "only {steps} steps");
            break;
        }
    }
}

#[test]
fn a_run_that_is_killed_at_any_step_leaves_the_table_as_before_or_after() {
    kill_everywhere(Some(&before()), true, |steps, root| {
        let there = read(root);
        let is_whole = there == named(&before()) || there == named(&after());
        assert!(is_whole, "step {steps}: {there:?}");
        is_sound(root);
        export(root, &after());
        assert_eq!(read(root), named(&after()), "step {steps}");
        assert_eq!(names(root), ["_manifest.json", "actions", "droplets"]);
        is_sound(root);
        assert_eq!(export(root, &after()), Changes::default(), "step {steps}");
    });
}

#[test]
fn the_first_run_that_is_killed_at_any_step_leaves_nothing_or_all() {
    kill_everywhere(None, true, |steps, root| {
        if root.exists() {
            let there = read(root);
            let is_whole = there.is_empty() || there == named(&after());
            assert!(is_whole, "step {steps}: {there:?}");
        }
        export(root, &after());
        assert_eq!(read(root), named(&after()), "step {steps}");
        is_sound(root);
    });
}

#[test]
fn the_run_after_a_kill_may_be_killed_at_any_step_too() {
    kill_everywhere(Some(&before()), true, |steps, root| {
        if steps % 4 != 0 {
            return;
        }
        for again in (0..60).step_by(3) {
            let (disk, _) = killed_after(again, true);
            // The archive is as at first again: the newest run decides.
            let _ = export_on(disk, root, None, &before());
            let there = read(root);
            let is_whole = there == named(&before()) || there == named(&after());
            assert!(is_whole, "steps {steps} and {again}: {there:?}");
            is_sound(root);
        }
        export(root, &before());
        assert_eq!(read(root), named(&before()), "step {steps}");
        is_sound(root);
    });
}

#[test]
fn without_an_exchange_the_next_run_finds_what_a_kill_left_between_two_names() {
    kill_everywhere(Some(&before()), false, |steps, root| {
        let there = read(root);
        let is_whole = there == named(&before()) || there == named(&after());
        assert!(is_whole || there.is_empty(), "step {steps}: {there:?}");
        export_on(disk(false), root, None, &after()).unwrap();
        assert_eq!(read(root), named(&after()), "step {steps}");
        assert_eq!(names(root), ["_manifest.json", "actions", "droplets"]);
        is_sound(root);
    });
}

#[test]
fn what_is_unchanged_is_the_same_file_as_before() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    export(root, &before());
    let identity = |month: &str| {
        let path = root.join(format!("actions/month={month}/actions.parquet"));
        fs::metadata(path)
            .map(|it| (it.ino(), it.mtime_nsec()))
            .unwrap()
    };
    let old = identity("2026-10-01");
    let changes = export(root, &after());
    assert_eq!(identity("2026-10-01"), old);
    // Two months and the other table.
    let expected = Changes {
        written: 3,
        removed: 1,
    };
    assert_eq!(changes, expected);
}

#[test]
fn the_files_of_others_stay_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    export(root, &before());
    let theirs = [
        "notes.txt",
        "actions/README",
        "actions/month=2026-09-01/.seen",
        "mine/x/y",
    ];
    for path in theirs {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "theirs").unwrap();
    }
    export(root, &after());
    for path in theirs {
        assert_eq!(
            fs::read_to_string(root.join(path)).unwrap(),
            "theirs",
            "{path}"
        );
    }
    assert!(
        !root
            .join("actions/month=2026-09-01/actions.parquet")
            .exists()
    );
    assert!(!root.join(WORK).exists());
}

#[test]
fn a_folder_with_something_else_in_it_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    fs::write(folder.path().join("thesis.txt"), "all of it").unwrap();
    let error = export_on(disk(true), folder.path(), None, &before()).unwrap_err();
    assert!(error.to_string().contains("thesis.txt"), "{error}");
    assert_eq!(names(folder.path()), ["lost+found", "thesis.txt"]);
    fs::remove_file(folder.path().join("thesis.txt")).unwrap();
    export(folder.path(), &before());
    let nowhere = folder.path().join("no/lake");
    let error = export_on(disk(true), &nowhere, None, &before()).unwrap_err();
    assert!(error.to_string().contains("there is no folder"), "{error}");
}

#[test]
fn two_runs_at_once_are_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let first = Lake::open(folder.path()).unwrap();
    let error = Lake::open(folder.path()).err().unwrap();
    assert!(matches!(error, Error::Busy(_)), "{error:?}");
    assert!(check(folder.path()).is_err());
    drop(first);
    export(folder.path(), &before());
    is_sound(folder.path());
}

#[test]
fn accounts_share_a_folder_and_change_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let export = |account, months: &Months| export_on(disk(true), root, account, months);
    export(Some("a"), &before()).unwrap();
    export(Some("b"), &before()).unwrap();
    let changes = export(Some("b"), &after()).unwrap();
    assert_eq!(changes.written, 3);
    let files = |account: &str| {
        let (files, _) = below(&root.join(format!("actions/account={account}"))).unwrap();
        files.len()
    };
    assert_eq!((files("a"), files("b")), (4, 3));
    is_sound(root);
    let lake = Lake::open(root).unwrap();
    assert!(lake.archive(Some("c")).unwrap().is_none());
    assert!(lake.archive(Some("a")).unwrap().is_some());
    assert!(matches!(lake.archive(None), Err(Error::Refused { .. })));
}

#[test]
fn a_check_names_each_file_that_is_not_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    assert!(matches!(check(root), Err(Error::Refused { .. })));
    export(root, &before());
    let path = |month: &str| format!("actions/month={month}/actions.parquet");
    fs::write(root.join(path("2026-10-01")), "3\n5\n").unwrap();
    fs::write(root.join(path("2026-11-01")), "longer\n").unwrap();
    fs::remove_file(root.join(path("2026-09-01"))).unwrap();
    fs::write(root.join("actions/copy.parquet"), "3\n").unwrap();
    fs::write(root.join("actions/.hidden"), "").unwrap();
    let problems = check(root).unwrap().problems;
    let expected = [
        format!("{}: missing", path("2026-09-01")),
        format!("{}: has other bytes", path("2026-10-01")),
        format!("{}: has other bytes", path("2026-11-01")),
        "actions/copy.parquet: not in the manifest".to_owned(),
    ];
    assert_eq!(problems, expected);
}

#[test]
fn a_file_that_is_missing_is_written_again_and_a_copy_of_ours_goes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    export(root, &before());
    fs::remove_file(root.join("actions/month=2026-09-01/actions.parquet")).unwrap();
    let copy = root.join("actions/month=2020-01-01/actions.parquet");
    fs::create_dir(copy.parent().unwrap()).unwrap();
    fs::write(&copy, "3\n").unwrap();
    export(root, &before());
    assert_eq!(read(root), named(&before()));
    is_sound(root);
}

#[test]
fn a_file_of_somebody_else_that_changes_during_a_run_stays_as_they_left_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    export(&root, &before());
    let (theirs, other) = (root.join("actions/README"), folder.path().join("README"));
    fs::write(&theirs, "old").unwrap();
    let (killed, _) = killed_after(30, true);
    let failed = export_on(killed, &root, None, &after());
    assert!(failed.is_err());
    assert!(root.join(WORK).join("new/actions/README").exists());
    // The owner replaces it, as editors and programs do.
    fs::write(&other, "new").unwrap();
    fs::rename(&other, &theirs).unwrap();
    export(&root, &after());
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "new");
}

#[test]
fn a_link_in_the_place_of_a_table_is_refused_and_what_it_points_to_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (root, theirs) = (folder.path().join("lake"), folder.path().join("theirs"));
    export(&root, &before());
    fs::rename(root.join("actions"), &theirs).unwrap();
    std::os::unix::fs::symlink(&theirs, root.join("actions")).unwrap();
    let old = below(&theirs).unwrap();
    let error = export_on(disk(true), &root, None, &after()).unwrap_err();
    assert!(error.to_string().contains("actions"), "{error}");
    assert_eq!(below(&theirs).unwrap(), old);
    assert!(root.join("actions").is_symlink());
    fs::remove_file(root.join("actions")).unwrap();
    export(&root, &after());
    assert_eq!(read(&root), named(&after()));
}

#[test]
fn a_manifest_whose_paths_lead_out_of_the_folder_is_refused() {
    for path in ["../others/a.parquet", "/etc/passwd", "actions/../../a"] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("lake");
        export(&root, &before());
        let manifest = root.join("_manifest.json");
        let text = fs::read_to_string(&manifest).unwrap();
        let mut changed: serde_json::Value = serde_json::from_str(&text).unwrap();
        changed["files"][0]["path"] = path.into();
        fs::write(&manifest, changed.to_string()).unwrap();
        let error = Lake::open(&root).err().unwrap().to_string();
        assert!(error.contains("leads out of the folder"), "{error}");
    }
}
