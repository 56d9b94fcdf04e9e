//! One droplet, from its JSON members: its name, where and when, and the two fields that people ask for by name.

use std::borrow::Cow;

use super::RejectedRow;
use super::fields::{Columns, Fields, kept, string};
use crate::core::model::{Droplet, Extra};

/// Kept in `extra`. The rest of a droplet (networks, image, prices) is its present, not its history.
const KEPT: [&str; 2] = ["tags", "size_slug"];

pub(super) fn from_fields(fields: &Fields<'_>) -> Result<Droplet, RejectedRow> {
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
        let region: Fields<'_> = serde_json::from_str(raw).ok()?;
        let slug = region.get("slug").and_then(string);
        slug.or_else(|| string(raw)).map(Cow::into_owned)
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

    #[test]
    fn a_droplet_keeps_its_name_place_time_tags_and_size() {
        let text = r#"{"id": 3164444, "name": "example.com", "memory": 1024, "tags": ["web"],
            "created_at": "2020-07-21T18:37:44Z", "size_slug": "s-1vcpu-1gb", "region": {"slug": "nyc3"}}"#;
        let droplet = from_fields(&serde_json::from_str(text).unwrap()).unwrap();
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
}
