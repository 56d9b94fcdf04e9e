//! The exported tables: their columns, and the statements that read them.

use crate::output::{ParquetColumn, ParquetType, Value};

/// A table as it is exported.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [ParquetColumn],
    /// The positions of the columns that order the rows.
    pub(super) sorted_by: &'static [usize],
    /// Reads the columns in their order. Of the actions, those that a condition after it chooses.
    pub(super) sql: &'static str,
    /// True when the first column is a number that identifies the row.
    pub(super) has_ids: bool,
}

const fn column(name: &'static str, kind: ParquetType) -> ParquetColumn {
    ParquetColumn {
        name,
        kind,
        is_required: false,
        is_distinct: false,
    }
}

const fn integer(name: &'static str) -> ParquetColumn {
    column(name, ParquetType::Integer)
}

const fn text(name: &'static str) -> ParquetColumn {
    column(name, ParquetType::Text)
}

/// Few rows share a time.
const fn time(name: &'static str) -> ParquetColumn {
    ParquetColumn {
        is_distinct: true,
        ..column(name, ParquetType::Time)
    }
}

const fn id(name: &'static str) -> ParquetColumn {
    ParquetColumn {
        is_required: true,
        is_distinct: true,
        ..column(name, ParquetType::Integer)
    }
}

const fn key(name: &'static str) -> ParquetColumn {
    ParquetColumn {
        is_required: true,
        ..text(name)
    }
}

pub(super) const STARTED_AT: usize = 3;
pub(super) const COMPLETED_AT: usize = 4;
pub(super) const DURATION: usize = 5;

/// The actions. The duration is made of the two times.
pub(super) const ACTIONS: Table = Table {
    name: "actions",
    columns: &[
        id("id"),
        text("status"),
        text("type"),
        time("started_at"),
        time("completed_at"),
        integer("duration_seconds"),
        integer("resource_id"),
        text("resource_type"),
        text("region_slug"),
        text("droplet_name"),
        integer("first_seen_run"),
        integer("changed_run"),
        integer("first_seen_import"),
        text("extra"),
    ],
    sorted_by: &[STARTED_AT, 0],
    sql: "SELECT actions.id, status, type, started_at, completed_at, NULL AS duration_seconds, resource_id,
                 resource_type, actions.region_slug, droplets.name AS droplet_name, first_seen_run, changed_run,
                 first_seen_import, actions.extra
            FROM actions
            LEFT JOIN droplets ON droplets.id = resource_id AND resource_type = 'droplet'",
    has_ids: true,
};

/// The tables of one file each.
pub(super) const OTHERS: [Table; 5] = [
    Table {
        name: "droplets",
        columns: &[
            id("id"),
            text("name"),
            text("region_slug"),
            time("created_at"),
            text("extra"),
            time("first_seen_at"),
            time("gone_at"),
        ],
        sorted_by: &[0],
        sql: "SELECT id, name, region_slug, created_at, extra, first_seen_at, gone_at FROM droplets ORDER BY id",
        has_ids: true,
    },
    Table {
        name: "regions",
        columns: &[
            key("slug"),
            text("name"),
            column("available", ParquetType::Flag),
            text("extra"),
            time("first_seen_at"),
            time("last_seen_at"),
        ],
        sorted_by: &[0],
        sql: "SELECT slug, name, available, extra, first_seen_at, last_seen_at FROM regions ORDER BY slug",
        has_ids: false,
    },
    Table {
        name: "region_features",
        columns: &[
            key("region_slug"),
            key("feature"),
            time("first_seen_at"),
            time("last_seen_at"),
        ],
        sorted_by: &[0, 1],
        sql: "SELECT region_slug, feature, first_seen_at, last_seen_at
                FROM region_features ORDER BY region_slug, feature",
        has_ids: false,
    },
    Table {
        name: "region_sizes",
        columns: &[
            key("region_slug"),
            key("size_slug"),
            time("first_seen_at"),
            time("last_seen_at"),
        ],
        sorted_by: &[0, 1],
        sql: "SELECT region_slug, size_slug, first_seen_at, last_seen_at
                FROM region_sizes ORDER BY region_slug, size_slug",
        has_ids: false,
    },
    Table {
        name: "sync_runs",
        columns: &[
            id("id"),
            time("started_at"),
            time("finished_at"),
            text("scope"),
            text("outcome"),
            integer("requests"),
            integer("retries"),
            integer("inserted"),
            integer("updated"),
            integer("unchanged"),
            integer("rejected"),
            integer("faults"),
            integer("ratelimit_remaining"),
            text("message"),
            text("version"),
        ],
        sorted_by: &[0],
        sql: "SELECT id, started_at, finished_at, scope, outcome, requests, retries, inserted, updated, unchanged,
                     rejected, faults, ratelimit_remaining, message, version
                FROM sync_runs ORDER BY id",
        has_ids: true,
    },
];

/// The longest row.
pub(super) const MOST_COLUMNS: usize = 15;

impl Table {
    /// The row with typed times. What is no time of the archive is null, and counted in `no_times`.
    pub(super) fn typed<'a>(
        &self,
        read: &[Value<'a>],
        no_times: &mut u64,
    ) -> [Value<'a>; MOST_COLUMNS] {
        let mut cells = [Value::Null; MOST_COLUMNS];
        for ((cell, read), column) in cells.iter_mut().zip(read).zip(self.columns) {
            *cell = match (*read, column.kind) {
                (Value::Text(text), ParquetType::Time) => match seconds(text) {
                    Some(seconds) => Value::Integer(seconds),
                    None => {
                        *no_times += 1;
                        Value::Null
                    }
                },
                (read, _) => read,
            };
        }
        if self.name == ACTIONS.name {
            cells[DURATION] = match (cells[STARTED_AT], cells[COMPLETED_AT]) {
                (Value::Integer(start), Value::Integer(end)) if end >= start => {
                    Value::Integer(end - start)
                }
                _ => Value::Null,
            };
        }
        cells
    }
}

/// Seconds since 1970, of a time exactly as the archive writes it: `YYYY-MM-DDTHH:MM:SSZ`.
///
/// An export reads two times for each action, so this does not go through a general parser.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let number = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + i64::from(byte - b'0'))
        })
    };
    let separators = [
        bytes[4], bytes[7], bytes[10], bytes[13], bytes[16], bytes[19],
    ];
    if separators != *b"--T::Z" {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let is_time = (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
    // The months count from March, so that the leap day is the last of a year.
    let (year, month) = (year - i64::from(month < 3), (month + 9) % 12);
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 719_469;
    is_time.then_some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_time_of_the_archive_is_the_instant_that_it_says(at in -62_167_219_200_i64..253_402_207_200) {
            let time = Timestamp::from_epoch_seconds(at).unwrap();
            prop_assert_eq!(seconds(&time.to_string()), Some(at));
        }

        #[test]
        fn a_text_is_a_time_only_if_the_archive_would_write_it(text in "[0-2]{4}-[0-3]{2}-[0-3]{2}T[0-6]{2}:[0-6]{2}:[0-6]{2}Z") {
            let expected = text.parse::<Timestamp>().ok().filter(|time| time.to_string() == text);
            prop_assert_eq!(seconds(&text), expected.map(Timestamp::epoch_seconds));
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "soon",
            "2020-07-01",
            "2020-07-01T00:00:00+",
            "2020-07-01 00:00:00Z",
            "2020-07-01T00:00:0éZ",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn no_row_is_longer_than_there_is_room_for() {
        let longest = OTHERS
            .iter()
            .chain([&ACTIONS])
            .map(|it| it.columns.len())
            .max();
        assert_eq!(longest, Some(MOST_COLUMNS));
    }
}
