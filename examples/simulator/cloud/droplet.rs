//! Droplets of the account, gone ones included: their actions stay.

use serde_json::Value;

/// A droplet, with the values of its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Droplet {
    /// Unique across the account.
    pub id: i64,
    /// Not unique.
    pub name: String,
    /// The region of the droplet.
    pub region_slug: String,
    /// `s-1vcpu-1gb`
    pub size_slug: String,
    /// `active` or `off`
    pub status: String,
    /// In the order of the JSON.
    pub tags: Vec<String>,
    /// `2020-11-14T16:29:21Z`
    pub created_at: String,
    /// True when its own endpoints answer 404.
    pub destroyed: bool,
}

impl Droplet {
    /// True when the droplet has GPUs, according to the name of its size.
    pub fn has_gpus(&self) -> bool {
        self.size_slug.starts_with("gpu-")
    }
}

/// A droplet as the account stores it.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) droplet: Droplet,
    pub(super) region: u8,
    /// Seconds since 1970.
    pub(super) created: i64,
    /// The time of its destruction. A history in the making may set it to the future.
    pub(super) destroyed: Option<i64>,
    /// Its JSON, if handmade.
    pub(super) handmade: Option<String>,
}

impl Machine {
    /// A droplet that is served as this JSON; its id is 0 when the JSON has none.
    pub(super) fn handmade(value: &Value) -> Self {
        let text =
            |field: Option<&Value>| field.and_then(Value::as_str).unwrap_or_default().to_owned();
        let tags = value
            .get("tags")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Self {
            droplet: Droplet {
                id: value.get("id").and_then(Value::as_i64).unwrap_or_default(),
                name: text(value.get("name")),
                region_slug: text(value.pointer("/region/slug")),
                size_slug: text(value.get("size_slug")),
                status: text(value.get("status")),
                tags: tags.map(|tag| text(Some(tag))).collect(),
                created_at: text(value.get("created_at")),
                destroyed: false,
            },
            region: 0,
            created: 0,
            destroyed: None,
            handmade: Some(value.to_string()),
        }
    }
}
