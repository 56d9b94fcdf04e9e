//! Imports: what a file says is added, whatever form it has, and nothing that is known gets lost.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::account::settled_cloud;
use crate::archive::Archive;
use crate::asked::hold_after;
use crate::cloud::Cloud;
use crate::process::{Run, Running, until};
use crate::sandbox::Sandbox;

/// An action of a droplet that the API lists no more.
const FORGOTTEN: i64 = 7;

fn forgotten() -> Value {
    json!({"id": FORGOTTEN, "status": "completed", "type": "destroy", "started_at": "2014-12-21T04:15:29Z",
           "completed_at": "2014-12-21T04:15:40Z", "resource_id": 3_141, "resource_type": "droplet",
           "region": null, "region_slug": null})
}

/// A machine whose archive has all actions of `cloud`.
fn synced(cloud: &Cloud) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sync(cloud, &["--all"]).exits(0);
    sandbox
}

/// All actions of a cloud as a script gets them.
fn dump(cloud: &Cloud, format: &str) -> String {
    synced(cloud).query(&["-o", format]).exits(0).stdout
}

fn packed(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

impl Sandbox {
    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.folder().join(name);
        fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn import(&self, arguments: &[&str]) -> Run {
        self.run(&[&["import"], arguments].concat())
    }

    /// Imports a file with this text.
    fn import_text(&self, text: impl AsRef<[u8]>) -> Run {
        let file = self.file("dump", text);
        self.import(&[&file])
    }
}

/// stdout contains these texts.
#[track_caller]
fn shows(run: &Run, texts: &[&str]) {
    for text in texts {
        assert!(run.stdout.contains(text), "`{text}` is not shown: {run}");
    }
}

#[test]
fn a_file_of_every_form_says_the_same_whatever_its_name_is() {
    let cloud = settled_cloud(3, 450);
    let (list, lines) = (dump(&cloud, "json"), dump(&cloud, "jsonl"));
    let mut actions: Vec<Value> = serde_json::from_str(&list).unwrap();
    for action in &mut actions {
        let members = action.as_object_mut().unwrap();
        // The API does not have it.
        assert!(members.remove("droplet_name").is_some());
    }
    let page = |actions: &[Value]| json!({"meta": {"total": 450}, "actions": actions, "links": {"pages": {"a": []}}});
    let pages: Vec<_> = actions.chunks(200).map(|it| page(it).to_string()).collect();
    let single: Vec<_> = actions.iter().map(Value::to_string).collect();
    let answers: Vec<_> = actions
        .iter()
        .map(|it| json!({"action": it}).to_string())
        .collect();
    let pretty: Vec<_> = actions.iter().map(|it| format!("{it:#}")).collect();
    for (kind, text) in [
        ("list", list.clone()),
        ("list", json!(actions).to_string()),
        ("list", format!("\u{feff}\r\n{list}")),
        ("lines", lines.clone()),
        ("lines", single.concat()),
        ("lines", pretty.join("\n")),
        ("answers", pages.join("\n")),
        ("answers", answers.join("\n")),
    ] {
        for bytes in [text.clone().into_bytes(), packed(&text)] {
            let sandbox = Sandbox::new();
            sandbox.import_text(bytes).exits(0).silently();
            let archive = sandbox.archive();
            archive.equals(&cloud);
            let sql =
                "SELECT kind || ' ' || rows_read || ' ' || inserted || ' ' || refused FROM imports";
            assert_eq!(archive.texts(sql), [format!("{kind} 450 450 0")]);
            let extra = "SELECT DISTINCT extra FROM actions WHERE extra IS NOT NULL";
            assert_eq!(archive.texts(extra), [""; 0]);
        }
    }
}

/// Two actions as `doctl compute action list -o json` writes them
/// (<https://github.com/digitalocean/doctl/blob/main/commands/displayers/action.go>).
const OF_DOCTL: &str = r#"[
  {
    "id": 36804745,
    "status": "completed",
    "type": "create",
    "started_at": "2014-11-14T16:30:56Z",
    "completed_at": "2014-11-14T16:31:40Z",
    "resource_id": 3164450,
    "resource_type": "droplet",
    "region": {
      "slug": "nyc3",
      "name": "New York 3",
      "sizes": [
        "s-1vcpu-1gb"
      ],
      "features": [
        "backups"
      ]
    },
    "region_slug": "nyc3"
  },
  {
    "id": 36804746,
    "status": "in-progress",
    "type": "transfer",
    "started_at": "2014-11-14T16:30:56Z",
    "completed_at": null,
    "resource_id": 0,
    "resource_type": ""
  }
]"#;

#[test]
fn a_dump_of_doctl_says_what_the_api_said_and_its_zeros_are_nulls() {
    let sandbox = Sandbox::new();
    sandbox.import_text(OF_DOCTL).exits(0).silently();
    let archive = sandbox.archive();
    let sql = "SELECT concat_ws(' ', id, status, started_at, completed_at, resource_id, resource_type, region_slug, extra)
                 FROM actions ORDER BY id";
    assert_eq!(
        archive.texts(sql),
        [
            "36804745 completed 2014-11-14T16:30:56Z 2014-11-14T16:31:40Z 3164450 droplet nyc3",
            "36804746 in-progress 2014-11-14T16:30:56Z"
        ]
    );
    let region = "SELECT name || ' ' || coalesce(available, '-') FROM regions";
    assert_eq!(archive.texts(region), ["New York 3 -"]);
}

#[test]
fn stdin_is_a_file_too() {
    let cloud = settled_cloud(2, 50);
    let text = dump(&cloud, "jsonl");
    for bytes in [text.clone().into_bytes(), packed(&text)] {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["import", "-", "-o", "json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&summary["inserted"], &summary["files"][0]["path"]),
            (&json!(50), &json!("-"))
        );
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn a_file_that_is_imported_twice_changes_nothing_the_second_time() {
    let cloud = settled_cloud(2, 50);
    let text = dump(&cloud, "json");
    let sandbox = Sandbox::new();
    sandbox.import_text(&text).exits(0);
    let before = fs::read(sandbox.db()).unwrap();
    let file = sandbox.folder().join("dump");
    let run = sandbox.import(&["-v", file.to_str().unwrap()]).exits(0);
    run.says("0 new actions, 0 updated, 50 unchanged");
    let archive = sandbox.archive();
    assert_eq!(archive.number("SELECT count(*) FROM imports"), 1);
    let rows = |bytes: &[u8]| bytes[100..].to_vec();
    assert!(rows(&fs::read(sandbox.db()).unwrap()) == rows(&before));
    // The hash is that of the file, as other programs compute it.
    let hash: String = archive.value("SELECT sha256 FROM imports");
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let digits: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hash, digits);
}

#[test]
fn rows_that_are_no_actions_are_named_with_their_line_and_the_rest_is_imported() {
    let sandbox = Sandbox::new();
    let droplet = json!({"id": 5, "name": "web", "status": "active", "memory": 1024});
    let torn = r#"{"id": 8, "status": "comp"#;
    let text = [
        forgotten().to_string(),
        droplet.to_string(),
        "garbage".to_owned(),
        torn.to_owned(),
        json!({"id": "x", "type": "reboot"}).to_string(),
        json!({"id": 9, "type": "reboot", "resource_type": "droplet"}).to_string(),
    ];
    let run = sandbox.import_text(text.join("\n")).exits(3);
    for said in [
        "dump, line 2: 5 has neither a time nor",
        "dump, line 3: it is not JSON",
        "dump, line 4: its line breaks off",
        "dump, line 5: its `id` is not an integer",
        "imported only in part: 4 rows are not actions",
    ] {
        assert!(
            run.stderr.replace("\n  ", " ").contains(said),
            "{said}: {run}"
        );
    }
    let archive = sandbox.archive();
    assert_eq!(
        archive.actions().into_keys().collect::<Vec<_>>(),
        [FORGOTTEN, 9]
    );
    let many = format!("{}\n{}", forgotten(), "5\n".repeat(30));
    let run = sandbox.import_text(many).exits(3);
    assert_eq!(run.stderr.matches(", line ").count(), 10, "{run}");
    run.says("20 more rows refused");
}

#[test]
fn of_a_file_that_breaks_off_the_part_before_is_kept() {
    let cloud = settled_cloud(2, 300);
    let list = dump(&cloud, "json");
    let whole = packed(&list);
    for bytes in [
        &list.as_bytes()[..list.len() / 2],
        &whole[..whole.len() / 2],
    ] {
        let sandbox = Sandbox::new();
        sandbox
            .import_text(bytes)
            .exits(3)
            .says("it breaks off at line");
        let archive = sandbox.archive();
        let kept = archive.number("SELECT count(*) FROM actions");
        assert!((50..300).contains(&kept), "{kept}");
        // Nothing changes the second time, and the whole file adds the rest.
        sandbox.import_text(bytes).exits(3);
        let noted = "SELECT count(*) FROM imports WHERE sha256 IS NOT NULL AND message IS NOT NULL";
        assert_eq!(archive.number(noted), 1);
        sandbox.import_text(&list).exits(0);
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn a_file_of_another_kind_changes_nothing() {
    let sandbox = Sandbox::new();
    let droplets = json!([{"id": 1, "name": "web", "status": "active"}, {"id": 2, "name": "db"}]);
    let images = json!([{"id": 1, "name": "x", "type": "snapshot", "status": "available"}]);
    for text in [
        "",
        "id,status\n1,completed\n",
        "{}",
        "{\"id\":1",
        "[5]",
        r#"{"id": "not_found", "message": "The resource was not found."}"#,
        &droplets.to_string(),
        &json!({"droplets": droplets}).to_string(),
        &images.to_string(),
        "PAR1....PAR1",
        "[",
        "[1",
        &"[{},".repeat(50_000),
    ] {
        let run = sandbox.import_text(text).exits(2);
        run.says("is not a dump of actions: ");
        assert!(!sandbox.db().parent().unwrap().exists(), "{text}");
    }
    sandbox
        .import(&["/no/such/file"])
        .exits(2)
        .says("cannot read /no/such/file");
    sandbox.import(&[]).exits(2);
    #[cfg(unix)]
    sandbox
        .import(&["/dev/zero"])
        .exits(2)
        .says("it is not JSON from line 1 on");
    let utf_16: Vec<u8> = "\u{feff}[]"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    sandbox.import_text(utf_16).exits(2).says("it is UTF-16");
    let packed = packed("SQLite format 3\0");
    sandbox
        .import_text(packed)
        .exits(2)
        .says("it is a database; give its path");
    assert!(!sandbox.db().exists());
}

#[test]
fn one_file_of_several_does_not_stop_the_others() {
    let sandbox = Sandbox::new();
    let good = sandbox.file("good", forgotten().to_string());
    let bad = sandbox.file("bad", "nonsense");
    let run = sandbox.import(&[&bad, &good, "-o", "json"]).exits(3);
    let summary: Value = serde_json::from_str(&run.stdout).unwrap();
    let outcomes: Vec<_> = (0..2)
        .map(|file| summary["files"][file]["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["failed", "complete"]);
    assert_eq!(summary["outcome"], "partial");
    run.says("bad is not a dump of actions");
    assert_eq!(sandbox.archive().actions().len(), 1);
    // Each failure has its own hint.
    let newer = sandbox.folder().join("newer.db");
    fs::copy(sandbox.db(), &newer).unwrap();
    let connection = rusqlite::Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let newer = newer.to_str().unwrap();
    let run = sandbox.import(&[newer, newer, &bad]).exits(6);
    assert_eq!(
        run.stderr.matches("hint: install the latest").count(),
        2,
        "{run}"
    );
}

#[test]
fn a_dry_run_shows_what_an_import_does_and_writes_nothing() {
    let cloud = settled_cloud(2, 50);
    let list = dump(&cloud, "json");
    let mut actions: Vec<Value> = serde_json::from_str(&list).unwrap();
    let sandbox = Sandbox::new();
    let file = sandbox.file("dump", &list);
    let run = sandbox.import(&["--dry-run", &file]).exits(0);
    assert!(run.stdout.contains("50 new actions, 0 updated"), "{run}");
    assert!(!sandbox.db().exists());
    actions[3]["completed_at"] = Value::Null;
    let half = sandbox.file("half", json!(actions[..20]).to_string());
    sandbox.import(&[&half]).exits(0);
    let before = fs::read(sandbox.db()).unwrap();
    // The second time, the rows of the first file are known.
    let run = sandbox
        .import(&["--dry-run", "-o", "json", &file, &file])
        .exits(0);
    let summary: Value = serde_json::from_str(&run.stdout).unwrap();
    let counts = ["inserted", "updated", "unchanged"];
    let counts = |file: usize| counts.map(|it| summary["files"][file][it].as_u64().unwrap());
    assert_eq!((counts(0), counts(1)), ([30, 1, 19], [0, 0, 50]));
    assert!(fs::read(sandbox.db()).unwrap() == before);
}

#[test]
fn a_sync_after_an_import_is_as_complete_as_without_it_and_keeps_what_only_the_file_knew() {
    let cloud = settled_cloud(3, 450);
    let mut actions: Vec<Value> = serde_json::from_str(&dump(&cloud, "json")).unwrap();
    // An old dump: some actions had not ended, and one has left the API since.
    for action in &mut actions[100..110] {
        action["status"] = json!("in-progress");
        action["completed_at"] = Value::Null;
    }
    actions.truncate(300);
    actions.insert(0, forgotten());
    let sandbox = Sandbox::new();
    sandbox.import_text(json!(actions).to_string()).exits(0);
    shows(
        &sandbox.run(&["status"]).exits(0),
        &["never synced", "301 actions that no sync has seen"],
    );
    for flags in [&["--all"][..], &["--all"], &["--all", "--full"]] {
        sandbox.sync(&cloud, flags).exits(0).silently();
        let archive = sandbox.archive();
        archive.holds(cloud.actions());
        let unseen = archive.texts(
            "SELECT id || ' ' || first_seen_import FROM actions WHERE first_seen_run IS NULL",
        );
        assert_eq!(unseen, [format!("{FORGOTTEN} 1")]);
    }
    let status = sandbox.run(&["status"]).exits(0);
    shows(&status, &["complete", "1 action that no sync has seen"]);
    let shown = sandbox.run(&["show", &FORGOTTEN.to_string()]).exits(0);
    shows(&shown, &["import 1 of ", "no sync has seen it"]);
    let verified = sandbox.run(&["verify"]).exits(0);
    shows(&verified, &["sound", "actions come from imports alone"]);
    let id = actions[1]["id"].to_string();
    shows(
        &sandbox.run(&["show", &id]).exits(0),
        &["import 1 of ", "sync 1 of "],
    );
}

#[test]
fn an_import_hides_no_gap_from_a_sync() {
    let cloud = settled_cloud(3, 450);
    let all = dump(&cloud, "json");
    let sandbox = Sandbox::new();
    hold_after(&cloud, 2);
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("pages are archived", || {
        sandbox.db().exists() && archived(&sandbox) > 0
    });
    sync.kill();
    cloud.clear_faults();
    sandbox.import_text(all).exits(0);
    cloud.clear_requests();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert!(!cloud.requests().is_empty());
    let archive = sandbox.archive();
    archive.equals(&cloud);
    assert_eq!(
        archive.number("SELECT count(*) FROM actions WHERE first_seen_run IS NULL"),
        0
    );
    shows(&sandbox.run(&["verify"]).exits(0), &["sound"]);
}

/// The number of archived actions.
fn archived(sandbox: &Sandbox) -> u64 {
    let run = sandbox.query(&["--count"]);
    run.stdout.trim().parse().unwrap_or(0)
}

#[test]
fn an_import_waits_for_no_sync_unless_it_is_told_to() {
    let cloud = settled_cloud(2, 50);
    let sandbox = Sandbox::new();
    let file = sandbox.file("dump", forgotten().to_string());
    hold_after(&cloud, 1);
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    let lock = sandbox.db().with_file_name("archive.db.lock");
    until("the sync has the lock", || lock.exists());
    sandbox.import(&[&file]).exits(5);
    let waiting = Running::start(sandbox.command(&["import", &file, "--wait", "60s"]));
    sync.kill();
    waiting.end().exits(0);
    assert!(sandbox.archive().actions().contains_key(&FORGOTTEN));
}

#[test]
fn a_signal_leaves_whole_transactions() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["import", "-"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let row =
        |id: i64| format!("{{\"id\":{id},\"type\":\"reboot\",\"resource_type\":\"droplet\"}}\n");
    let rows: String = (1..=5_000).map(row).collect();
    stdin.write_all(rows.as_bytes()).unwrap();
    until("rows are archived", || {
        sandbox.db().exists() && archived(&sandbox) > 0
    });
    let id = child.id().to_string();
    sandbox.command_of("kill", &["-INT", &id]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the import was told to stop"), "{said}");
    let archive = sandbox.archive();
    assert_eq!(archive.number("SELECT count(*) FROM actions"), 3_200);
    assert_eq!(
        archive.number("SELECT inserted FROM imports WHERE finished_at IS NOT NULL"),
        3_200
    );
}

#[test]
fn a_killed_import_keeps_whole_transactions_says_that_it_has_not_ended_and_can_be_repeated() {
    const BATCH: i64 = 3_200;
    let rows = |count: i64| -> String {
        let row =
            |id| format!("{{\"id\":{id},\"type\":\"reboot\",\"resource_type\":\"droplet\"}}\n");
        (1..=count).map(row).collect()
    };
    for batches in 1..4 {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["import", "-"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = rows(batches * BATCH + 100);
        stdin.write_all(text.as_bytes()).unwrap();
        until("the batches are archived", || {
            sandbox.db().exists() && archived(&sandbox) == (batches * BATCH) as u64
        });
        child.kill().unwrap();
        child.wait().unwrap();
        sandbox.run(&["verify"]).exits(0);
        let unfinished =
            "SELECT inserted FROM imports WHERE finished_at IS NULL AND sha256 IS NULL";
        let archive = sandbox.archive();
        assert_eq!(archive.number(unfinished), batches * BATCH);
        for _ in 0..2 {
            sandbox.import_text(&text).exits(0);
            let archive = sandbox.archive();
            let count = |sql: &str| archive.number(&format!("SELECT count(*) FROM {sql}"));
            assert_eq!(count("actions"), batches * BATCH + 100);
            assert_eq!(
                (count("imports"), count("imports WHERE sha256 IS NOT NULL")),
                (2, 1)
            );
        }
        sandbox.run(&["verify"]).exits(0);
    }
}

#[test]
fn another_archive_brings_its_actions_droplets_and_regions() {
    let cloud = settled_cloud(3, 450);
    let other = synced(&cloud);
    let path = other.db();
    let before = fs::read(&path).unwrap();
    let path = path.to_str().unwrap();
    for text in ["", &forgotten().to_string()] {
        let sandbox = Sandbox::new();
        if !text.is_empty() {
            sandbox.import_text(text).exits(0);
        }
        for _ in 0..2 {
            sandbox.import(&[path]).exits(0).silently();
        }
        let archive = sandbox.archive();
        archive.holds(cloud.actions());
        let others = Archive::open(&other.db());
        for table in [
            "regions",
            "region_features",
            "region_sizes",
            "droplets",
            "droplet_names",
            "droplet_tags",
        ] {
            let count = format!("SELECT count(*) FROM {table}");
            assert_eq!(archive.number(&count), others.number(&count), "{table}");
        }
        assert_eq!(
            archive.number("SELECT count(*) FROM imports WHERE kind = 'archive'"),
            1
        );
        assert_eq!(archive.number("SELECT count(*) FROM coverage"), 0);
        sandbox.sync(&cloud, &["--all"]).exits(0);
        sandbox.run(&["verify"]).exits(0);
    }
    assert!(fs::read(path).unwrap() == before);
    let itself = other.import(&[path]).exits(2);
    itself.says("is the archive itself");
}

#[test]
fn the_archive_of_another_team_is_refused() {
    let (cloud, strange) = (settled_cloud(2, 50), settled_cloud(2, 60));
    let [own, other] = [(&cloud, "t1"), (&strange, "t2")].map(|(cloud, team)| {
        let body =
            format!("{{\"account\": {{\"uuid\": \"u\", \"team\": {{\"uuid\": \"{team}\"}}}}}}");
        let answer = crate::cloud::Fault::Body(body);
        cloud.break_with(crate::cloud::FaultRule::new(answer).path("/v2/account"));
        synced(cloud)
    });
    let path = other.db();
    let path = path.to_str().unwrap();
    let before = own.archive().contents();
    for flags in [&[path][..], &[path, "--dry-run"]] {
        own.import(flags)
            .exits(2)
            .says("the team t2")
            .says("the team t1");
    }
    own.archive().is_unchanged_since(&before);
    // A new archive belongs to that team from then on.
    let sandbox = Sandbox::new();
    sandbox.import(&[path]).exits(0);
    sandbox
        .sync(&cloud, &["--all"])
        .exits(4)
        .says("the team t2");
}

#[test]
fn a_database_that_is_no_archive_is_refused_untouched() {
    let sandbox = Sandbox::new();
    let path = sandbox.folder().join("other.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE actions (id INTEGER)")
        .unwrap();
    drop(connection);
    let bytes = fs::read(&path).unwrap();
    let name = path.to_str().unwrap();
    sandbox
        .import(&[name])
        .exits(6)
        .says("of another application");
    let cut = sandbox.file("cut.db", &bytes[..50]);
    sandbox.import(&[&cut]).exits(6);
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn an_archive_whose_schema_is_not_that_of_the_migrations_is_refused() {
    let cloud = settled_cloud(2, 50);
    let sandbox = synced(&cloud);
    let path = sandbox.folder().join("endless.db");
    fs::copy(sandbox.db(), &path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let endless = "PRAGMA legacy_alter_table = on;
        ALTER TABLE actions RENAME TO kept;
        CREATE VIEW actions AS WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n";
    connection.execute_batch(endless).unwrap();
    drop(connection);
    let before = sandbox.archive().contents();
    let run = sandbox.import(&[path.to_str().unwrap()]).exits(6);
    run.says("was changed by something other than archiver");
    sandbox.archive().is_unchanged_since(&before);
}

#[test]
fn of_a_damaged_archive_the_part_before_the_damage_is_kept() {
    let cloud = settled_cloud(3, 5_000);
    let other = synced(&cloud);
    let whole = fs::read(other.db()).unwrap();
    let size = usize::from(u16::from_be_bytes([whole[16], whole[17]]));
    let sandbox = Sandbox::new();
    let mut kept_in_part = 0;
    for part in 2..10 {
        let mut bytes = whole.clone();
        bytes[whole.len() / size * part / 12 * size..][..size].fill(0x5a);
        let run = sandbox.import_text(&bytes);
        if run.status.code() == Some(3) {
            run.says("dump was imported only in part: ");
            kept_in_part += 1;
        }
    }
    assert!(kept_in_part > 0);
    let truth = cloud.actions();
    let actions = sandbox.archive().actions();
    assert!(actions.len() > 1_000, "{}", actions.len());
    let is_true = |it: &crate::cloud::Action| truth.contains(it);
    assert!(actions.values().all(is_true));
}

#[test]
fn an_archive_of_any_earlier_version_is_read_and_stays_as_it_is() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/archives/");
    for version in 1..=11 {
        let sandbox = Sandbox::new();
        let path = sandbox.folder().join("old.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        let sql = fs::read_to_string(format!("{fixture}v{version}.sql")).unwrap();
        connection
            .execute_batch("PRAGMA foreign_keys = off")
            .unwrap();
        connection.execute_batch(&sql).unwrap();
        drop(connection);
        let bytes = fs::read(&path).unwrap();
        sandbox.import(&[path.to_str().unwrap()]).exits(0);
        assert!(fs::read(&path).unwrap() == bytes);
        // A killed sync of these versions had put two actions aside.
        let aside = if (5..=8).contains(&version) { 2 } else { 0 };
        assert_eq!(sandbox.archive().actions().len(), 5 + aside, "{version}");
    }
}
