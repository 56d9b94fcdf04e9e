//! Reads actions, droplets and accounts from their JSON members.
//!
//! A region is 2–3 KB of JSON, mostly the slugs of about a hundred sizes, and a page of 200 actions repeats a handful
//! of regions. The API writes the same region as the same text. So [`Regions`] parse each text once.

use super::fields::{Columns, Fields, kept, string};
use super::{BodyError, RejectedRow, member_of};
use crate::core::model::{Account, Action, Droplet, Extra, Region, Team};
use std::borrow::Cow;
use std::sync::Arc;

/// The members of an action with a column; everything else goes to `extra`.
const OF_AN_ACTION: [&str; 9] = [
    "id",
    "status",
    "type",
    "started_at",
    "completed_at",
    "resource_id",
    "resource_type",
    "region",
    "region_slug",
];

/// One action.
pub(super) fn action(fields: &Fields<'_>, regions: &mut Regions) -> Result<Action, RejectedRow> {
    let id = fields.id()?;
    let mut columns = Columns {
        members: fields,
        extra: fields.unknown(&OF_AN_ACTION),
    };
    let status = columns.text("status");
    let kind = columns.text("type");
    let started_at = columns.time("started_at");
    let completed_at = columns.time("completed_at");
    let resource_id = columns.integer("resource_id");
    let resource_type = columns.text("resource_type");
    let mut region_slug = columns.text("region_slug");
    let region = region(&mut columns, &mut region_slug, regions);
    Ok(Action {
        id,
        status,
        kind,
        started_at,
        completed_at,
        resource_id,
        resource_type,
        region_slug,
        region,
        extra: columns.extra,
    })
}

/// The region of an action. It also supplies `region_slug` if the action does not state one. `extra` keeps a region
/// that contradicts the slug or does not name a region.
fn region(
    columns: &mut Columns<'_, '_>,
    region_slug: &mut Option<String>,
    regions: &mut Regions,
) -> Option<Arc<Region>> {
    let text = columns.members.get("region")?;
    let shape = regions.read(text);
    // The API sends an object since 2015, and sent a bare slug before (the API's changelog of 2015-03-20).
    let slug = match &shape {
        RegionShape::Region(region) => Some(region.slug.as_str()),
        RegionShape::Slug(slug) => Some(slug.as_str()),
        RegionShape::Unknown => None,
    };
    if region_slug.is_none() {
        *region_slug = slug.map(str::to_owned);
    }
    if slug.is_none() || region_slug.as_deref() != slug {
        columns.keep("region", text);
    }
    match shape {
        RegionShape::Region(region) => Some(region),
        RegionShape::Slug(_) | RegionShape::Unknown => None,
    }
}

/// The most texts of regions to remember. The API has about fifteen regions. More texts mean that they vary, and then all
/// of them would only cost time and memory.
const MOST_REGIONS: usize = 64;
/// The longest text to remember; a region has 2 KB.
const LONGEST_REGION: usize = 16 << 10;
/// The members of a region with a column; everything else goes to `extra`.
const OF_A_REGION: [&str; 5] = ["slug", "name", "available", "features", "sizes"];

/// The form of an action's `region`.
#[derive(Clone)]
enum RegionShape {
    /// An object: the form since 2015.
    Region(Arc<Region>),
    /// A bare slug: the form before 2015.
    Slug(String),
    /// A value that does not name a region.
    Unknown,
}

/// The regions that were read so far.
///
/// It is a list and not a hash map: a comparison with a few texts ends at the first different byte, but a hash must
/// read all 2 KB.
#[derive(Default)]
pub(super) struct Regions {
    known: Vec<(Box<str>, RegionShape)>,
    /// The number of values in lists and in `extra` of new regions since the last call of `take_values`.
    values: usize,
}

impl Regions {
    /// Decodes the text of a region.
    fn read(&mut self, text: &str) -> RegionShape {
        let known = self.known.iter().find(|(known, _)| **known == *text);
        if let Some((_, shape)) = known {
            return shape.clone();
        }
        let shape = region_shape(text);
        if let RegionShape::Region(region) = &shape {
            self.values += region.features.len() + region.sizes.len() + region.extra.len();
        }
        if self.known.len() == MOST_REGIONS {
            self.known.clear();
        }
        if text.len() <= LONGEST_REGION {
            self.known.push((text.into(), shape.clone()));
        }
        shape
    }

    /// The number of values in new regions since the last call.
    pub(super) fn take_values(&mut self) -> usize {
        std::mem::take(&mut self.values)
    }
}

fn region_shape(text: &str) -> RegionShape {
    if let Some(slug) = string(text) {
        return RegionShape::Slug(slug.into_owned());
    }
    let fields = Fields::of(text);
    let Some(slug) = fields.text("slug") else {
        return RegionShape::Unknown;
    };
    let mut columns = Columns {
        members: &fields,
        extra: fields.unknown(&OF_A_REGION),
    };
    RegionShape::Region(Arc::new(Region {
        slug,
        name: columns.text("name"),
        available: columns.boolean("available"),
        features: columns.texts("features"),
        sizes: columns.texts("sizes"),
        extra: columns.extra,
    }))
}

/// The members of an account that are read. A valid account has at least one.
const OF_AN_ACCOUNT: [&str; 6] = ["uuid", "email", "name", "status", "droplet_limit", "team"];
/// The longest account that is read; a normal one has about 500 bytes.
const MOST_ACCOUNT_BYTES: usize = 8 << 10;

/// Decodes the answer of `/v2/account`.
pub(in crate::api) fn account(body: &[u8]) -> Result<Account, BodyError> {
    let raw = member_of(body, "account")?;
    let fields = Fields::of(raw);
    if raw.len() > MOST_ACCOUNT_BYTES || OF_AN_ACCOUNT.iter().all(|it| fields.get(it).is_none()) {
        return Err(BodyError("its `account` is not an account".to_owned()));
    }
    let team = fields.get("team").map(Fields::of);
    Ok(Account {
        uuid: fields.text("uuid"),
        email: fields.text("email"),
        name: fields.text("name"),
        status: fields.text("status"),
        droplet_limit: fields.get("droplet_limit").and_then(|it| it.parse().ok()),
        team: team.map(|team| Team {
            uuid: team.text("uuid"),
            name: team.text("name"),
        }),
    })
}

/// Checks that an answer has the expected list.
pub(in crate::api) fn holds_list(body: &[u8], member: &str) -> Result<(), BodyError> {
    if member_of(body, member)?.starts_with('[') {
        Ok(())
    } else {
        Err(BodyError(format!("its `{member}` is not a list")))
    }
}

/// The members that `extra` keeps. The rest of a droplet (networks, image, prices) is its present state, not its
/// history.
const KEPT: [&str; 2] = ["tags", "size_slug"];

/// One droplet.
pub(super) fn droplet(fields: &Fields<'_>) -> Result<Droplet, RejectedRow> {
    let id = fields.id()?;
    let kept = KEPT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), kept(fields.get(name)?)?)));
    let mut columns = Columns {
        members: fields,
        extra: kept.collect::<Extra>(),
    };
    let name = columns.text("name");
    let created_at = columns.time("created_at");
    let region_slug = fields.get("region").and_then(|raw| {
        let slug = Fields::of(raw).text("slug");
        slug.or_else(|| string(raw).map(Cow::into_owned))
    });
    Ok(Droplet {
        id,
        name,
        region_slug,
        created_at,
        extra: columns.extra,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Action {
        action(&Fields::of(text), &mut Regions::default()).unwrap()
    }

    fn extra(action: &Action) -> String {
        serde_json::to_string(&action.extra).unwrap()
    }

    #[test]
    fn an_id_alone_is_an_action() {
        let action = read(r#"{"id": 36804636}"#);
        assert_eq!(action.id, 36_804_636);
        assert!(action.status.is_none() && action.started_at.is_none() && action.region.is_none());
        assert!(action.extra.is_empty());
    }

    #[test]
    fn what_has_no_column_or_does_not_fit_it_is_kept_as_it_came() {
        let action = read(
            r#"{"id": 1, "status": 5, "type": ["x"], "started_at": "yesterday", "resource_id": "a-uuid",
                "completed_at": "2020-07-20T19:37:45.5Z", "progress": 1e400, "note": null, "region_slug": {}}"#,
        );
        assert_eq!(
            action.completed_at.unwrap().to_string(),
            "2020-07-20T19:37:45Z"
        );
        assert_eq!(
            extra(&action),
            r#"{"completed_at":"2020-07-20T19:37:45.5Z","note":null,"progress":1e400,"region_slug":{},"#.to_owned()
                + r#""resource_id":"a-uuid","started_at":"yesterday","status":5,"type":["x"]}"#
        );
    }

    #[test]
    fn a_time_is_kept_twice_only_when_it_says_more_than_its_column() {
        let action = read(
            r#"{"id": 1, "started_at": "2020-07-20T19:37:30.000Z", "completed_at": "2020-07-20T21:37:45+02:00"}"#,
        );
        assert_eq!(
            action.completed_at.unwrap().to_string(),
            "2020-07-20T19:37:45Z"
        );
        assert!(action.extra.is_empty());
    }

    #[test]
    fn a_time_is_read_in_every_form_that_the_api_ever_gave_it() {
        for given in [
            "1419135329",
            r#""1419135329""#,
            r#""2014-12-21 04:15:29 UTC""#,
            r#"" 2014-12-21 04:15:29  utc ""#,
            r#""2014-12-21T04:15:29 GMT""#,
            r#""2014-12-21 04:15:29 Z""#,
            r#""2014-12-21 04:15:29Z""#,
            r#""2014-12-21 05:15:29 +0100""#,
            r#""2014-12-21 03:15:29 -01:00""#,
        ] {
            let action = read(&format!(r#"{{"id": 1, "started_at": {given}}}"#));
            let time = action.started_at.unwrap().to_string();
            assert_eq!(time, "2014-12-21T04:15:29Z", "{given}");
            assert!(
                action.extra.is_empty() && !action.has_unreadable_time(),
                "{given}"
            );
        }
        for (given, time) in [
            ("1419135329.75", "2014-12-21T04:15:29Z"),
            (r#""1419135329.75""#, "2014-12-21T04:15:29Z"),
            ("-0.5", "1969-12-31T23:59:59Z"),
            (r#""2014-12-21 04:15:29.5 UTC""#, "2014-12-21T04:15:29Z"),
        ] {
            let action = read(&format!(r#"{{"id": 1, "started_at": {given}}}"#));
            assert_eq!(action.started_at.unwrap().to_string(), time, "{given}");
            assert_eq!(extra(&action), format!(r#"{{"started_at":{given}}}"#));
            assert!(!action.has_unreadable_time(), "{given}");
        }
    }

    #[test]
    fn what_may_be_another_time_or_none_is_kept_as_it_came() {
        for given in [
            r#""""#,
            r#""2014""#,
            r#""20141221""#,
            r#""-1419135329""#,
            r#""1419135329.1.2""#,
            r#""2014-12-21""#,
            r#""2014-12-21 04:15:29""#,
            r#""2014-12-21 04:15:29 EST""#,
            r#""2014-02-30 04:15:29 UTC""#,
            "1419135329000",
            "1e400",
            "true",
            "[1419135329]",
        ] {
            let action = read(&format!(r#"{{"id": 1, "completed_at": {given}}}"#));
            assert!(action.completed_at.is_none(), "{given}");
            assert_eq!(extra(&action), format!(r#"{{"completed_at":{given}}}"#));
            assert!(action.has_unreadable_time(), "{given}");
        }
        assert!(!read(r#"{"id": 1, "started_at": null}"#).has_unreadable_time());
    }

    #[test]
    fn every_shape_a_region_ever_had_is_understood() {
        let slug = |text: &str| read(text).region_slug;
        assert_eq!(
            slug(r#"{"id": 1, "region": "nyc1"}"#).as_deref(),
            Some("nyc1")
        );
        assert_eq!(
            slug(r#"{"id": 1, "region": {"slug": "nyc2"}}"#).as_deref(),
            Some("nyc2")
        );
        assert_eq!(
            slug(r#"{"id": 1, "region": null, "region_slug": null}"#),
            None
        );
        assert_eq!(
            slug(r#"{"id": 1, "region": {}, "region_slug": "nyc3"}"#).as_deref(),
            Some("nyc3")
        );
        let conflicting = read(r#"{"id": 1, "region": {"slug": "a"}, "region_slug": "b"}"#);
        assert_eq!(conflicting.region_slug.as_deref(), Some("b"));
        assert_eq!(conflicting.region.as_ref().unwrap().slug, "a");
        assert_eq!(extra(&conflicting), r#"{"region":{"slug": "a"}}"#);
    }

    #[test]
    fn escapes_in_names_and_values_are_undone() {
        let action = read(r#"{"\u0069d": 1, "type": "a\"b\u00e9\u0000"}"#);
        assert_eq!((action.id, action.kind.as_deref()), (1, Some("a\"bé\0")));
    }

    #[test]
    fn of_a_member_given_twice_the_last_counts() {
        assert_eq!(read(r#"{"id": 1, "id": 2}"#).id, 2);
    }

    #[test]
    fn an_account_is_read_as_far_as_it_says_something() {
        let whole = account(
            br#"{"account": {"uuid": "b6fr", "email": "sammy@example.com", "name": "Sammy", "status": "active",
                "droplet_limit": 25, "team": {"uuid": "5df3", "name": "My Team"}, "new": [1]}}"#,
        )
        .unwrap();
        assert_eq!(whole.email.as_deref(), Some("sammy@example.com"));
        assert_eq!(whole.droplet_limit, Some(25));
        assert_eq!(whole.team.unwrap().name.as_deref(), Some("My Team"));
        let odd = account(br#"{"account": {"uuid": 7, "team": null, "droplet_limit": "x"}}"#);
        assert_eq!(odd.unwrap(), Account::default());
        let long = format!(r#"{{"account": {{"uuid": "{}"}}}}"#, "x".repeat(1 << 20));
        for body in [
            "{}",
            "<html>",
            r#"{"account": null}"#,
            r#"{"account": []}"#,
            r#"{"account": "x"}"#,
            r#"{"account": {}}"#,
            r#"{"account": {"uuid": null, "id": 1}}"#,
            &long,
        ] {
            assert!(account(body.as_bytes()).is_err(), "{body:.100}");
        }
    }

    #[test]
    fn only_a_list_is_an_answer_to_the_question_for_one() {
        for body in [r#"{"sizes": []}"#, r#"{"x": 1, "sizes": [{"slug": "s"}]}"#] {
            assert_eq!(holds_list(body.as_bytes(), "sizes"), Ok(()));
        }
        for body in ["[]", "{}", "7", "{\"sizes\": ["] {
            assert!(holds_list(body.as_bytes(), "sizes").is_err(), "{body}");
        }
        for value in ["7", "false", "\"x\"", "{}", "null"] {
            let body = format!(r#"{{"sizes": {value}}}"#);
            assert!(holds_list(body.as_bytes(), "sizes").is_err(), "{body}");
        }
    }

    #[test]
    fn a_droplet_keeps_its_name_place_time_tags_and_size() {
        let text = r#"{"id": 3164444, "name": "example.com", "memory": 1024, "tags": ["web"],
            "created_at": "2020-07-21T18:37:44Z", "size_slug": "s-1vcpu-1gb", "region": {"slug": "nyc3"}}"#;
        let droplet = droplet(&Fields::of(text)).unwrap();
        assert_eq!(
            (droplet.id, droplet.name.as_deref()),
            (3_164_444, Some("example.com"))
        );
        assert_eq!(droplet.region_slug.as_deref(), Some("nyc3"));
        assert_eq!(
            droplet.created_at.unwrap().to_string(),
            "2020-07-21T18:37:44Z"
        );
        let extra = serde_json::to_string(&droplet.extra).unwrap();
        assert_eq!(extra, r#"{"size_slug":"s-1vcpu-1gb","tags":["web"]}"#);
    }

    #[test]
    fn a_text_seen_before_is_the_same_region() {
        let mut regions = Regions::default();
        let text = r#"{"slug": "nyc3", "features": ["backups", 5], "sizes": [], "available": "yes", "new": 1}"#;
        let RegionShape::Region(first) = regions.read(text) else {
            panic!("no region")
        };
        let RegionShape::Region(second) = regions.read(text) else {
            panic!("no region")
        };
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.features, ["backups"]);
        assert_eq!(first.available, None);
        let extra: Vec<_> = first.extra.keys().map(String::as_str).collect();
        assert_eq!(extra, ["available", "features", "new"]);
    }

    #[test]
    fn texts_that_vary_do_not_fill_the_memory() {
        let mut regions = Regions::default();
        for number in 0..10 * MOST_REGIONS {
            regions.read(&format!(r#"{{"slug": "r{number}"}}"#));
        }
        assert!(regions.known.len() <= MOST_REGIONS);
    }

    #[test]
    fn a_long_text_is_not_remembered() {
        let mut regions = Regions::default();
        let long = format!(r#"{{"slug": "r", "x": "{}"}}"#, "x".repeat(LONGEST_REGION));
        assert!(matches!(regions.read(&long), RegionShape::Region(_)));
        assert!(regions.known.is_empty());
    }

    #[test]
    fn a_list_that_nobody_sends_is_kept_as_its_text() {
        let sizes = vec![r#""a""#; 2_000].join(",");
        let mut regions = Regions::default();
        let text = format!(r#"{{"slug": "r", "sizes": [{sizes}], "features": ["x"]}}"#);
        let RegionShape::Region(region) = regions.read(&text) else {
            panic!("no region")
        };
        assert!(region.sizes.is_empty());
        assert_eq!(region.extra["sizes"].get(), format!("[{sizes}]"));
        assert_eq!(regions.take_values(), 2);
        assert_eq!(regions.take_values(), 0);
    }
}
