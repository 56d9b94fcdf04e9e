//! The inventory: every droplet that the archive knows, with what was last seen of it.
//!
//! A droplet is known from a list of droplets or from actions alone. Its number of actions, its last action and its state
//! are those that `stats`, `last` and `timeline` answer.

use std::collections::HashMap;

use rusqlite::Connection;

use super::droplets::choose;
use super::rows::pairs;
use super::timeline::{Power, State, states};
use super::{Choice, DropletSelector, Error, Filter, last, stats};
use crate::core::model::DropletId;
use crate::core::time::Timestamp;

/// A droplet, as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownDroplet {
    /// The id.
    pub id: DropletId,
    /// The latest name.
    pub name: Option<String>,
    /// The names before, oldest first.
    pub former_names: Vec<String>,
    /// The slug of the region.
    pub region_slug: Option<String>,
    /// The slug of the size.
    pub size_slug: Option<String>,
    /// The tags, in their order.
    pub tags: Vec<String>,
    /// The time of its creation.
    pub created_at: Option<String>,
    /// The state: on, off, gone or unknown, as in its timeline.
    pub state: State,
    /// False when the API listed other droplets, but never this one. Then its state is unknown, unless it is gone.
    pub is_listed: bool,
    /// The type of its most recent action, by start.
    pub last_action: Option<String>,
    /// The start of that action.
    pub last_action_at: Option<String>,
    /// The number of its actions, including those that only its own listing contains.
    pub actions: u64,
}

/// The droplets that the archive knows, by name; those without a name come last, by id. Of the filter, the droplets, tags,
/// regions and `gone` count.
///
/// # Errors
/// When a droplet's name or a tag is unknown, a name is ambiguous, or the archive cannot be read.
pub fn inventory(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
) -> Result<Vec<KnownDroplet>, Error> {
    let requested = choose(connection, filter)?;
    let mut known = listed(connection)?;
    // An action may belong to several droplets, so no droplet is left out of the question about the others.
    let chosen = requested.any_of.as_deref();
    let chosen_ids = chosen.into_iter().flatten();
    let of_chosen = Filter {
        droplets: Choice::any_of(chosen_ids.map(|id| DropletSelector::Id(*id))),
        ..Filter::default()
    };
    if chosen != Some(&[]) {
        add_actions(connection, &of_chosen, now, &mut known)?;
    }
    let is_in = |ids: &[DropletId], id: &DropletId| ids.binary_search(id).is_ok();
    known.retain(|id, _| chosen.is_none_or(|ids| is_in(ids, id)) && !is_in(&requested.none_of, id));
    add_states(connection, chosen, now, &mut known)?;
    let mut droplets: Vec<_> = known.into_values().collect();
    droplets.retain(|droplet| filter.regions.has(droplet.region_slug.as_deref()));
    droplets.sort_by_cached_key(|it| (it.name.is_none(), it.name.clone(), it.id));
    Ok(droplets)
}

type Known = HashMap<DropletId, KnownDroplet>;

/// The droplets of the table `droplets`.
fn listed(connection: &Connection) -> rusqlite::Result<Known> {
    let mut known = Known::new();
    let mut statement = connection.prepare(LISTED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get("id")?;
        let gone_at: Option<String> = row.get("gone_at")?;
        let gone_at = gone_at.and_then(|time| time.parse().ok());
        let droplet = KnownDroplet {
            id,
            name: row.get("name")?,
            region_slug: row.get("region_slug")?,
            size_slug: row.get("size_slug")?,
            created_at: row.get("created_at")?,
            state: gone_at.map(State::gone).unwrap_or_default(),
            is_listed: true,
            ..KnownDroplet::default()
        };
        known.insert(id, droplet);
    }
    for (id, name) in pairs::<_, _, Vec<_>>(connection, FORMER_NAMES)? {
        if let Some(droplet) = known.get_mut(&id) {
            droplet.former_names.push(name);
        }
    }
    for (id, tag) in pairs::<_, _, Vec<_>>(connection, TAGS)? {
        if let Some(droplet) = known.get_mut(&id) {
            droplet.tags.push(tag);
        }
    }
    Ok(known)
}

const LISTED: &str = "
    SELECT id, name, region_slug, created_at, gone_at,
           CASE WHEN json_valid(extra)
                THEN CASE json_type(extra, '$.size_slug') WHEN 'text' THEN extra ->> '$.size_slug' END
            END AS size_slug
      FROM droplets";
const FORMER_NAMES: &str = "
    SELECT droplet_id, droplet_names.name
      FROM droplet_names JOIN droplets ON droplets.id = droplet_id
     WHERE droplet_names.name IS NOT droplets.name
     ORDER BY droplet_names.first_seen_at, droplet_names.name";
const TAGS: &str = "SELECT droplet_id, tag FROM droplet_tags WHERE gone_at IS NULL ORDER BY tag";

/// Adds the droplets that only actions name, and what the actions tell of each droplet.
fn add_actions(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    known: &mut Known,
) -> Result<(), Error> {
    let has_list = known.values().any(|droplet| droplet.name.is_some());
    for (id, actions) in stats::of_droplets(connection, filter, now)? {
        let droplet = known.entry(id).or_insert_with(|| KnownDroplet {
            id,
            is_listed: !has_list,
            ..KnownDroplet::default()
        });
        droplet.actions = actions;
    }
    for last in last(connection, filter, now)? {
        if let Some(droplet) = known.get_mut(&last.droplet_id) {
            droplet.region_slug = droplet.region_slug.take().or(last.region_slug);
            (droplet.last_action, droplet.last_action_at) = (last.kind, last.started_at);
        }
    }
    for (id, created_at) in pairs::<_, _, Vec<_>>(connection, CREATIONS)? {
        if let Some(droplet) = known.get_mut(&id) {
            droplet.created_at.get_or_insert(created_at);
        }
    }
    Ok(())
}

const CREATIONS: &str = "
    SELECT droplet_id, min(coalesce(started_at, completed_at)) AS created_at
      FROM droplet_actions
     WHERE type = 'create' AND status = 'completed' AND coalesce(resource_type, 'droplet') = 'droplet'
       AND coalesce(started_at, completed_at) IS NOT NULL
     GROUP BY droplet_id";

/// Adds the states. A sync run may find that a droplet is gone, but an action that destroyed it knows since when.
fn add_states(
    connection: &Connection,
    chosen: Option<&[DropletId]>,
    now: Timestamp,
    known: &mut Known,
) -> rusqlite::Result<()> {
    for (id, state) in states(connection, chosen, now)? {
        if let Some(droplet) = known.get_mut(&id)
            && (state.power == Power::Gone
                || droplet.is_listed && droplet.state.power != Power::Gone)
        {
            droplet.state = state;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::fixture::{Row, archive, choice, droplet, insert, listed, now, tag};
    use super::super::timeline::{Window, find, timeline};
    use super::super::{DropletSelector, count};
    use super::*;
    use crate::output::testing::Rows;

    fn ids(droplets: &[KnownDroplet]) -> Vec<DropletId> {
        droplets.iter().map(|droplet| droplet.id).collect()
    }

    /// 1 is `web`, was `old`, and is off; 2 is gone without an action; 3 and 4 are named by actions alone, and 4 was
    /// destroyed; 5 has no action; 6 has no name.
    fn six_droplets() -> Connection {
        let connection = archive();
        droplet(&connection, 1, &["web", "old"]);
        for (id, name) in [(2, "db"), (5, "idle"), (6, "x")] {
            droplet(&connection, id, &[name]);
        }
        for (id, name) in [(1, "web"), (1, "prod"), (2, "prod")] {
            tag(&connection, id, name, None);
        }
        tag(&connection, 1, "blue", Some("2020-08-01T00:00:00Z"));
        connection
            .execute_batch(
                r#"UPDATE droplets SET region_slug = 'nyc3', extra = '{"size_slug":"s-1","tags":["web"]}',
                          created_at = '2020-07-01T00:00:00Z' WHERE id = 1;
                   UPDATE droplets SET gone_at = '2020-07-31T00:00:00Z', extra = 'x' WHERE id = 2;
                   UPDATE droplets SET name = NULL, extra = '{"size_slug":7}' WHERE id = 6;
                   DELETE FROM droplet_names WHERE droplet_id = 6;"#,
            )
            .unwrap();
        for (id, day, kind, droplet) in [
            (1, 10, "create", 1),
            (2, 11, "power_off", 1),
            (3, 12, "snapshot", 1),
            (4, 10, "create", 3),
            (5, 10, "create", 4),
            (6, 13, "destroy", 4),
            (7, 14, "attach_volume", 9),
        ] {
            let time = format!("2020-07-{day}T00:00:00Z");
            let row = Row {
                id,
                kind: Some(kind),
                started_at: Some(&time),
                completed_at: Some(&time),
                resource_id: Some(droplet),
                resource_type: Some(if droplet == 9 { "volume" } else { "droplet" }),
                region: Some(if droplet == 1 { "nyc3" } else { "ams3" }),
                ..Row::default()
            };
            insert(&connection, &row);
        }
        listed(&connection, 1, 7);
        connection
    }

    #[test]
    fn a_droplet_is_shown_with_all_that_is_known_of_it() {
        let droplets = inventory(&six_droplets(), &Filter::default(), now()).unwrap();
        assert_eq!(ids(&droplets), [2, 5, 1, 3, 4, 6]);
        let text = |text: &str| Some(text.to_owned());
        let web = KnownDroplet {
            id: 1,
            name: text("web"),
            former_names: vec!["old".to_owned()],
            region_slug: text("nyc3"),
            size_slug: text("s-1"),
            tags: vec!["prod".to_owned(), "web".to_owned()],
            created_at: text("2020-07-01T00:00:00Z"),
            state: State {
                power: Power::Off,
                is_estimate: false,
                since: "2020-07-11T00:00:00Z".parse().ok(),
            },
            is_listed: true,
            last_action: text("attach_volume"),
            last_action_at: text("2020-07-14T00:00:00Z"),
            actions: 4,
        };
        assert_eq!(droplets[2], web);
        let gone = |day: &str| State::gone(format!("2020-07-{day}T00:00:00Z").parse().unwrap());
        let unlisted = KnownDroplet {
            id: 3,
            region_slug: text("ams3"),
            created_at: text("2020-07-10T00:00:00Z"),
            last_action: text("create"),
            last_action_at: text("2020-07-10T00:00:00Z"),
            actions: 1,
            ..KnownDroplet::default()
        };
        assert_eq!(droplets[3], unlisted);
        assert_eq!(
            (droplets[0].state, droplets[4].state),
            (gone("31"), gone("13"))
        );
        assert_eq!((droplets[0].actions, droplets[1].actions), (0, 0));
        let nameless = (&droplets[5].name, &droplets[5].size_slug, droplets[5].state);
        assert_eq!(nameless, (&None, &None, State::default()));
    }

    #[test]
    fn filters_choose_droplets_by_what_they_are() {
        let connection = six_droplets();
        let found = |narrow: fn(&mut Filter)| {
            let mut filter = Filter::default();
            narrow(&mut filter);
            ids(&inventory(&connection, &filter, now()).unwrap())
        };
        assert_eq!(
            found(|it| it.droplets = choice(&["old", "3", "77"])),
            [1, 3]
        );
        assert_eq!(found(|it| it.droplets = choice(&["!web"])), [2, 5, 3, 4, 6]);
        assert_eq!(found(|it| it.tags = choice(&["prod"])), [2, 1]);
        assert_eq!(found(|it| it.tags = choice(&["prod", "!web"])), [2]);
        assert_eq!(found(|it| it.tags = choice(&["blue"])), [0; 0]);
        assert_eq!(found(|it| it.regions = choice(&["ams3"])), [3, 4]);
        assert_eq!(found(|it| it.regions = choice(&["!ams3"])), [2, 5, 1, 6]);
        assert_eq!(found(|it| it.gone = Some(true)), [2, 4]);
        assert_eq!(found(|it| it.gone = Some(false)), [5, 1, 6]);
        let filter = Filter {
            tags: choice(&["grün"]),
            ..Filter::default()
        };
        inventory(&connection, &filter, now()).unwrap_err();
    }

    #[test]
    fn where_no_list_was_ever_read_no_droplet_is_unlisted() {
        let connection = archive();
        insert(&connection, &Row::default());
        let in_the_future = Row {
            id: 2,
            kind: Some("power_off"),
            started_at: Some("2020-08-02T00:00:00Z"),
            completed_at: Some("2020-08-02T00:00:00Z"),
            ..Row::default()
        };
        insert(&connection, &in_the_future);
        let droplets = inventory(&connection, &Filter::default(), now()).unwrap();
        assert_eq!((ids(&droplets), droplets[0].is_listed), (vec![1], true));
        assert_eq!(droplets[0].state.power, Power::On);
    }

    fn an_action() -> impl Strategy<Value = (usize, bool, i64, i64, i64, Option<i64>)> {
        let droplets = (1_i64..60, prop::option::weighted(0.2, 1_i64..60));
        (
            0..KINDS.len(),
            prop::bool::weighted(0.9),
            0..500_i64,
            0..30_i64,
            droplets,
        )
            .prop_map(|(kind, is_completed, start, length, (on, listed_by))| {
                (kind, is_completed, start, length, on, listed_by)
            })
    }

    const KINDS: [&str; 7] = [
        "create",
        "power_on",
        "power_off",
        "shutdown",
        "reboot",
        "snapshot",
        "destroy",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_inventory_says_what_the_other_questions_say_of_each_droplet(
            actions in prop::collection::vec(an_action(), 0..200), some in 1_usize..60,
        ) {
            let connection = archive();
            for id in 1..50 {
                droplet(&connection, id, &[&format!("web-{id}")]);
            }
            let gone = "UPDATE droplets SET gone_at = '2020-07-31T00:00:00Z' WHERE id % 7 = 0";
            connection.execute_batch(gone).unwrap();
            for (id, (kind, is_completed, start, length, on, listed_by)) in (1..).zip(&actions) {
                let time = |minute: i64| {
                    Timestamp::from_epoch_seconds(1_595_000_000 + minute * 60).unwrap().to_string()
                };
                let row = Row {
                    id,
                    kind: Some(KINDS[*kind]),
                    status: Some(if *is_completed { "completed" } else { "errored" }),
                    started_at: Some(&time(*start)),
                    completed_at: Some(&time(start + length)),
                    resource_id: Some(*on),
                    ..Row::default()
                };
                insert(&connection, &row);
                if let Some(droplet) = listed_by {
                    listed(&connection, *droplet, id);
                }
            }
            let all = inventory(&connection, &Filter::default(), now()).unwrap();
            for known in &all {
                let selector = DropletSelector::Id(known.id);
                let filter = Filter {
                    droplets: Choice::any_of([selector.clone()]),
                    ..Filter::default()
                };
                prop_assert_eq!(known.actions, count(&connection, &filter, now()).unwrap());
                let latest = last(&connection, &filter, now()).unwrap().remove(0);
                prop_assert_eq!((&known.last_action_at, &known.last_action),
                    (&latest.started_at, &latest.kind));
                let life = find(&connection, &selector).unwrap();
                let mut rows = Rows::default();
                let (state, _) = timeline(
                    &connection, &life, Window::default(), now(), &mut rows,
                ).unwrap();
                if known.is_listed || state.power == Power::Gone {
                    prop_assert_eq!(known.state, state, "{}", known.id);
                } else {
                    prop_assert_eq!(known.state, State::default());
                }
            }
            let mut known: Vec<_> = ids(&all);
            known.sort_unstable();
            let mut expected: BTreeSet<DropletId> = (1..50).collect();
            expected.extend(actions.iter().map(|(.., on, _)| *on));
            expected.extend(actions.iter().filter_map(|(.., listed_by)| *listed_by));
            prop_assert_eq!(known, Vec::from_iter(expected));
            // Few droplets are read in another way than all.
            let chosen: Vec<_> = all.iter().step_by(some).cloned().collect();
            let filter = Filter {
                droplets: Choice::any_of(chosen.iter().map(|known| DropletSelector::Id(known.id))),
                ..Filter::default()
            };
            prop_assert_eq!(inventory(&connection, &filter, now()).unwrap(), chosen);
        }
    }
}
