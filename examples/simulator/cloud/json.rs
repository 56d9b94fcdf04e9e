//! Bodies as the API writes them, appended piece by piece: a page of actions is half a megabyte.

use std::fmt::{Display, Write as _};

use super::action::{Entry, Record, Status};
use super::clock;
use super::droplet::Machine;
use super::state::State;

/// Fields that an archive of actions does not use, but must tolerate.
const SAME_FOR_ALL_DROPLETS: &str = concat!(
    r#""kernel":null,"features":["backups","private_networking","ipv6"],"backup_ids":[],"#,
    r#""next_backup_window":null,"snapshot_ids":[],"volume_ids":[],"#,
    r#""image":{"id":63663980,"name":"20.04 (LTS) x64","distribution":"Ubuntu","#,
    r#""slug":"ubuntu-20-04-x64","public":true,"regions":["nyc1","nyc3"],"#,
    r#""created_at":"2020-05-15T05:47:50Z","type":"snapshot","min_disk_size":20},"#,
    r#""networks":{"v4":[{"ip_address":"192.0.2.7","netmask":"255.255.255.0","#,
    r#""gateway":"192.0.2.1","type":"public"}],"v6":[]},"#,
    r#""vpc_uuid":"760e09ef-dc84-11e8-981e-3cfdfeaae000","#,
);

/// Renders the data that a token with these rights may see.
pub(super) struct Json<'a> {
    pub(super) state: &'a State,
    /// True when regions show their sizes.
    pub(super) sizes: bool,
    /// True when ended actions hide their end time.
    pub(super) hide_completed_at: bool,
}

impl Json<'_> {
    pub(super) fn action(&self, out: &mut String, entry: &Entry) {
        match entry {
            Entry::Generated(record) => self.record(out, record),
            Entry::Handmade(action) => out.push_str(action.json()),
        }
    }

    fn record(&self, out: &mut String, record: &Record) {
        let kind = self
            .state
            .kinds
            .get(usize::from(record.kind))
            .map_or("unknown", String::as_str);
        append(
            out,
            format_args!(
                "{{\"id\":{},\"status\":\"{}\"",
                record.id,
                record.status.text()
            ),
        );
        append(
            out,
            format_args!(",\"type\":{},\"started_at\":\"", quoted(kind)),
        );
        clock::write(out, i64::from(record.started_at));
        out.push_str("\",\"completed_at\":");
        self.completed_at(out, record);
        out.push_str(",\"resource_id\":");
        match record.resource_id {
            0 => out.push_str("null"),
            id => append(out, format_args!("{id}")),
        }
        append(
            out,
            format_args!(",\"resource_type\":\"{}\"", record.resource_type.text()),
        );
        self.region_of(out, record.region);
        out.push('}');
    }

    fn completed_at(&self, out: &mut String, record: &Record) {
        let hidden = self.hide_completed_at && record.status != Status::InProgress;
        let Some(time) = record.completed_at.filter(|_| !hidden) else {
            out.push_str("null");
            return;
        };
        out.push('"');
        clock::write(out, i64::from(time.get()));
        out.push('"');
    }

    fn region_of(&self, out: &mut String, region: Option<u8>) {
        let region = region.and_then(|place| self.state.regions.get(usize::from(place)));
        out.push_str(",\"region\":");
        let Some(region) = region else {
            out.push_str("null,\"region_slug\":null");
            return;
        };
        out.push_str(region.json(self.sizes));
        append(out, format_args!(",\"region_slug\":\"{}\"", region.slug));
    }

    pub(super) fn droplet(&self, out: &mut String, machine: &Machine) {
        if let Some(text) = &machine.handmade {
            out.push_str(text);
            return;
        }
        let droplet = &machine.droplet;
        let (id, status, created_at) = (droplet.id, &droplet.status, &droplet.created_at);
        let (name, size) = (quoted(&droplet.name), quoted(&droplet.size_slug));
        let (cpus, memory) = size_of(&droplet.size_slug);
        let disk = 25 * cpus;
        append(
            out,
            format_args!("{{\"id\":{id},\"name\":{name},\"memory\":{memory},"),
        );
        append(
            out,
            format_args!("\"vcpus\":{cpus},\"disk\":{disk},\"locked\":false,"),
        );
        append(
            out,
            format_args!("\"status\":\"{status}\",\"created_at\":\"{created_at}\","),
        );
        out.push_str(SAME_FOR_ALL_DROPLETS);
        append(
            out,
            format_args!("\"size\":{{\"slug\":{size},\"memory\":{memory},"),
        );
        append(
            out,
            format_args!("\"vcpus\":{cpus},\"disk\":{disk},\"available\":true}},"),
        );
        append(out, format_args!("\"size_slug\":{size},\"region\":"));
        let region = self.state.regions.get(usize::from(machine.region));
        out.push_str(region.map_or("null", |region| region.json(self.sizes)));
        let tags = serde_json::Value::from(droplet.tags.clone());
        append(out, format_args!(",\"tags\":{tags}}}"));
    }

    pub(super) fn account(&self, out: &mut String, seed: u64) {
        append(
            out,
            format_args!(
                "{{\"account\":{{\"droplet_limit\":{}",
                self.state.machines.len() + 25
            ),
        );
        out.push_str(
            r#","floating_ip_limit":5,"email":"sammy@example.com","name":"Sammy the Shark""#,
        );
        // Another history belongs to another account.
        let uuid_end = 0x8dc9_851d_9573_81ef ^ seed.rotate_right(1);
        append(
            out,
            format_args!(
                ",\"uuid\":\"b6fr89dbf6d9156cace5f3c7{uuid_end:016x}\",\"email_verified\":true"
            ),
        );
        out.push_str(r#","status":"active","status_message":" ","team":{"#);
        append(
            out,
            format_args!(
                "\"uuid\":\"5df3e3004a17e242b7c20ca6{uuid_end:016x}\",\"name\":\"My Team\"}}}}}}"
            ),
        );
    }
}

/// The body of an error.
pub(super) fn error(id: &str, message: &str, request_id: &str) -> String {
    format!(
        "{{\"id\":{},\"message\":{},\"request_id\":{}}}",
        quoted(id),
        quoted(message),
        quoted(request_id)
    )
}

/// The CPUs and the megabytes of `s-2vcpu-4gb`.
fn size_of(slug: &str) -> (u32, u32) {
    let mut numbers = slug.split('-').filter_map(|part| {
        let digits = part
            .strip_suffix("vcpu")
            .or_else(|| part.strip_suffix("gb"))?;
        digits.parse::<u32>().ok()
    });
    (
        numbers.next().unwrap_or(1),
        numbers.next().unwrap_or(1) * 1024,
    )
}

fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

fn append(out: &mut String, text: impl Display) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{text}");
}
