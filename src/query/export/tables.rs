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
    /// The columns with their types.
    columns: &'static str,
    /// The positions of the columns that order the rows.
    sorted_by: &'static [usize],
}

const STARTED_AT: usize = 3;
const COMPLETED_AT: usize = 4;
const DURATION: usize = 5;

/// The actions. The duration is made of the two times.
pub(super) const ACTIONS: Table = Table {
    name: "actions",
    columns: "id int, status text, type text, started_at time, completed_at time, duration_seconds int, \
              resource_id int, resource_type text, region_slug text, droplet_name text, first_seen_run int, \
              changed_run int, first_seen_import int, extra text",
    sorted_by: &[STARTED_AT, 0],
};

/// The tables of one file each.
pub(super) const OTHERS: [Table; 5] = [
    Table {
        name: "droplets",
        columns: "id int, name text, region_slug text, created_at time, extra text, first_seen_at time, gone_at time",
        sorted_by: &[0],
    },
    Table {
        name: "regions",
        columns: "slug text, name text, available flag, extra text, first_seen_at time, last_seen_at time",
        sorted_by: &[0],
    },
    Table {
        name: "region_features",
        columns: "region_slug text, feature text, first_seen_at time, last_seen_at time",
        sorted_by: &[0, 1],
    },
    Table {
        name: "region_sizes",
        columns: "region_slug text, size_slug text, first_seen_at time, last_seen_at time",
        sorted_by: &[0, 1],
    },
    Table {
        name: "sync_runs",
        columns: "id int, started_at time, finished_at time, scope text, outcome text, requests int, retries int, \
                  inserted int, updated int, unchanged int, rejected int, faults int, ratelimit_remaining int, \
                  message text, version text",
        sorted_by: &[0],
    },
];

impl Table {
    /// The names and types of the columns.
    pub(super) fn columns(&self) -> Vec<ParquetColumn> {
        let columns = self.columns.split(", ").filter_map(|it| it.split_once(' '));
        let typed = columns.map(|(name, kind)| match kind {
            "int" => (name, Integer),
            "flag" => (name, Flag),
            "time" => (name, Time),
            _ => (name, Text),
        });
        typed.collect()
    }

    /// The statement that reads the rows with this condition.
    pub(super) fn select(&self, condition: &str) -> String {
        let columns = self.columns();
        let cells = columns.iter().map(|(name, _)| match *name {
            "duration_seconds" => "NULL",
            name => name,
        });
        let cells: Vec<_> = cells.collect();
        let order: Vec<_> = self.sorted_by.iter().map(|it| cells[*it]).collect();
        let (cells, order) = (cells.join(", "), order.join(", "));
        let from = match self.name {
            // Only the names of columns differ from a join of both tables.
            "actions" => {
                "actions LEFT JOIN (SELECT id AS droplet_id, name AS droplet_name FROM droplets)
                                ON droplet_id = resource_id AND resource_type = 'droplet'"
            }
            name => name,
        };
        format!("SELECT {cells} FROM {from} {condition} ORDER BY {order}")
    }

    /// The row with typed times. What is no time of the archive is null, and counted in `no_times`.
    pub(super) fn typed<'a>(
        &self,
        columns: &[ParquetColumn],
        read: &[Value<'a>],
        no_times: &mut u64,
    ) -> Vec<Value<'a>> {
        let typed = read.iter().zip(columns).map(|(cell, column)| match *cell {
            Value::Text(text) if column.1 == Time => {
                let seconds = seconds(text);
                *no_times += u64::from(seconds.is_none());
                seconds.map_or(Value::Null, Value::Integer)
            }
            cell => cell,
        });
        let mut cells: Vec<_> = typed.collect();
        if self.name == ACTIONS.name
            && let (Value::Integer(start), Value::Integer(end)) =
                (cells[STARTED_AT], cells[COMPLETED_AT])
            && end >= start
        {
            cells[DURATION] = Value::Integer(end - start);
        }
        cells
    }
}

/// Seconds since 1970, of a time exactly as the archive writes it: `YYYY-MM-DDTHH:MM:SSZ`.
fn seconds(text: &str) -> Option<i64> {
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
}
