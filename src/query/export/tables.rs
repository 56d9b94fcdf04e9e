//! The exported tables: their columns, and the statements that read them.

use jiff::civil::DateTime;

use crate::output::{
    ParquetColumn,
    ParquetType::{Flag, Integer, Text, Time},
    Value,
};

/// A table as it is exported.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [ParquetColumn],
    /// The positions of the columns that order the rows.
    pub(super) sorted_by: &'static [usize],
    from: &'static str,
}

pub(super) const STARTED_AT: usize = 3;
const COMPLETED_AT: usize = 4;
const DURATION: usize = 5;

/// The actions. The duration is made of the two times.
pub(super) const ACTIONS: Table = Table {
    name: "actions",
    columns: &[
        ("id", Integer),
        ("status", Text),
        ("type", Text),
        ("started_at", Time),
        ("completed_at", Time),
        ("duration_seconds", Integer),
        ("resource_id", Integer),
        ("resource_type", Text),
        ("region_slug", Text),
        ("droplet_name", Text),
        ("first_seen_run", Integer),
        ("changed_run", Integer),
        ("first_seen_import", Integer),
        ("extra", Text),
    ],
    sorted_by: &[STARTED_AT, 0],
    // Only the names of columns differ from a join of both tables.
    from: "actions
           LEFT JOIN (SELECT id AS droplet_id, name AS droplet_name FROM droplets)
             ON droplet_id = resource_id AND resource_type = 'droplet'",
};

/// The tables of one file each.
pub(super) const OTHERS: [Table; 5] = [
    Table {
        name: "droplets",
        columns: &[
            ("id", Integer),
            ("name", Text),
            ("region_slug", Text),
            ("created_at", Time),
            ("extra", Text),
            ("first_seen_at", Time),
            ("gone_at", Time),
        ],
        sorted_by: &[0],
        from: "droplets",
    },
    Table {
        name: "regions",
        columns: &[
            ("slug", Text),
            ("name", Text),
            ("available", Flag),
            ("extra", Text),
            ("first_seen_at", Time),
            ("last_seen_at", Time),
        ],
        sorted_by: &[0],
        from: "regions",
    },
    Table {
        name: "region_features",
        columns: &[
            ("region_slug", Text),
            ("feature", Text),
            ("first_seen_at", Time),
            ("last_seen_at", Time),
        ],
        sorted_by: &[0, 1],
        from: "region_features",
    },
    Table {
        name: "region_sizes",
        columns: &[
            ("region_slug", Text),
            ("size_slug", Text),
            ("first_seen_at", Time),
            ("last_seen_at", Time),
        ],
        sorted_by: &[0, 1],
        from: "region_sizes",
    },
    Table {
        name: "sync_runs",
        columns: &[
            ("id", Integer),
            ("started_at", Time),
            ("finished_at", Time),
            ("scope", Text),
            ("outcome", Text),
            ("requests", Integer),
            ("retries", Integer),
            ("inserted", Integer),
            ("updated", Integer),
            ("unchanged", Integer),
            ("rejected", Integer),
            ("faults", Integer),
            ("ratelimit_remaining", Integer),
            ("message", Text),
            ("version", Text),
        ],
        sorted_by: &[0],
        from: "sync_runs",
    },
];

/// The longest row.
pub(super) const MOST_COLUMNS: usize = 15;

impl Table {
    /// The statement that reads the rows with this condition, in the order of these columns.
    pub(super) fn select(&self, condition: &str, sorted_by: &[usize]) -> String {
        let read = |(name, _): &ParquetColumn| match *name {
            "duration_seconds" => "NULL",
            name => name,
        };
        let columns: Vec<_> = self.columns.iter().map(read).collect();
        let order = sorted_by.iter().map(|position| columns[*position]);
        let order: Vec<_> = order.collect();
        format!(
            "SELECT {} FROM {} {condition} ORDER BY {}",
            columns.join(", "),
            self.from,
            order.join(", ")
        )
    }

    /// The row with typed times. What is no time of the archive is null, and counted in `no_times`.
    pub(super) fn typed<'a>(
        &self,
        read: &[Value<'a>],
        no_times: &mut u64,
    ) -> [Value<'a>; MOST_COLUMNS] {
        let mut cells = [Value::Null; MOST_COLUMNS];
        for ((cell, read), column) in cells.iter_mut().zip(read).zip(self.columns) {
            *cell = match *read {
                Value::Text(text) if column.1 == Time => match seconds(text) {
                    Some(seconds) => Value::Integer(seconds),
                    None => {
                        *no_times += 1;
                        Value::Null
                    }
                },
                read => read,
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
pub(super) fn seconds(text: &str) -> Option<i64> {
    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    // The parser takes other forms, and reads a leap second as the one before it.
    let is_usual = |it: &&str| {
        it.len() == 19
            && matches!(
                it.as_bytes(),
                [.., b'T', _, _, b':', _, _, b':', b'0'..=b'5', _]
            )
    };
    let time: DateTime = text.strip_suffix('Z').filter(is_usual)?.parse().ok()?;
    Some(time.duration_since(EPOCH).as_secs())
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
    fn the_last_second_of_the_year_9999_is_a_time() {
        assert_eq!(seconds("9999-12-31T23:59:59Z"), Some(253_402_300_799));
        assert_eq!(seconds("9999-12-31T23:59:60Z"), None);
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
