//! A filter as one SQL statement.
//!
//! An answer is ordered by time, and an index gives that order for free only under a single type or droplet. So
//! each of them becomes a `SELECT` of its own, an *arm*, and SQLite merges the ordered arms (`UNION ALL … ORDER
//! BY`): nothing is sorted, the first row comes at once, and memory stays constant.
//!
//! Which index an arm reads is decided here and not by the planner, which has no statistics to go by in a young
//! archive: a unary `+` keeps a condition from choosing an index. Values are always bound, never pasted.

use std::fmt::Write;

use rusqlite::types::Value;

use super::{Column, Filter};
use crate::model::{DropletId, IN_PROGRESS};

/// More arms than this are not merged: SQLite takes 500, and every row passes through the merges.
const MOST_ARMS: usize = 32;

/// SQL and what its parameters are, in their order.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) parameters: Vec<Value>,
}

/// Where an arm's rows are read from, and in which order they come.
enum Arm<'a> {
    /// By id. Sorted: there are as many rows as ids.
    Ids,
    /// One droplet's, by time.
    Droplet(DropletId),
    /// Many droplets'. Sorted by SQLite, which moves to temporary files when the rows do not fit its cache.
    Droplets,
    /// What the droplets' own listings showed beyond their resources. Sorted: there are few.
    Listed,
    /// In progress, by time.
    Open,
    /// One type's, by time.
    Type(&'a str),
    /// All, by time.
    Time,
}

/// The conditions of a filter, each as SQL over parameters that are bound once for all arms.
struct Builder<'a> {
    filter: &'a Filter,
    droplets: &'a [DropletId],
    parameters: Vec<Value>,
}

/// The actions that match, oldest first, by id within a second, and those without a time before all others.
/// Two columns follow the ones asked for: the time and the id that the order needs.
pub(super) fn select(filter: &Filter, droplets: &[DropletId], columns: &[Column]) -> Statement {
    let mut builder = Builder::new(filter, droplets);
    let mut shown = String::new();
    for column in columns {
        let _ = write!(shown, "{}, ", column.expression());
    }
    let matching = builder.arms(&format!("{shown}actions.started_at, actions.id"));
    let (time, id) = (columns.len() + 1, columns.len() + 2);
    let sql = match filter.limit {
        None => format!("{matching}\nORDER BY {time}, {id}"),
        // The most recent ones are at the other end of the index; turning them around keeps no more than these.
        Some(limit) => {
            let limit = builder.bind(count(limit));
            format!(
                "SELECT * FROM (\n{matching}\nORDER BY {time} DESC, {id} DESC\nLIMIT {limit}\n)\n\
                 ORDER BY {time}, {id}"
            )
        }
    };
    Statement {
        sql,
        parameters: builder.parameters,
    }
}

/// How many actions match.
pub(super) fn tally(filter: &Filter, droplets: &[DropletId]) -> Statement {
    let mut builder = Builder::new(filter, droplets);
    let mut matching = builder.arms("1");
    if let Some(limit) = filter.limit {
        let limit = builder.bind(count(limit));
        let _ = write!(matching, "\nLIMIT {limit}");
    }
    let sql = format!("SELECT count(*) FROM (\n{matching}\n)");
    Statement {
        sql,
        parameters: builder.parameters,
    }
}

fn count(limit: u64) -> Value {
    Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

impl<'a> Builder<'a> {
    fn new(filter: &'a Filter, droplets: &'a [DropletId]) -> Self {
        Self {
            filter,
            droplets,
            parameters: Vec::new(),
        }
    }

    fn bind(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("?{}", self.parameters.len())
    }

    /// `column` has one of the values; a single one is compared, so that an index keeps its order.
    fn one_of<T>(&mut self, column: &str, values: &[T]) -> String
    where
        T: Clone + Into<Value> + Into<serde_json::Value>,
    {
        if let [value] = values {
            let parameter = self.bind(value.clone().into());
            return format!("{column} = {parameter}");
        }
        let list = serde_json::Value::from(values.to_vec()).to_string();
        let parameter = self.bind(Value::Text(list));
        format!("{column} IN (SELECT value FROM json_each({parameter}))")
    }

    /// The arms that together read every match exactly once.
    fn arms(&mut self, shown: &str) -> String {
        let arms = self.plan();
        let common = self.common(&arms);
        let mut sql = String::new();
        for arm in &arms {
            let mut conditions = self.conditions(arm);
            conditions.extend(common.iter().cloned());
            if !sql.is_empty() {
                sql.push_str("\nUNION ALL\n");
            }
            let _ = write!(sql, "SELECT {shown}\n  FROM actions");
            for (position, condition) in conditions.iter().enumerate() {
                let word = if position == 0 { "WHERE" } else { "  AND" };
                let _ = write!(sql, "\n {word} {condition}");
            }
        }
        sql
    }

    fn plan(&self) -> Vec<Arm<'a>> {
        let filter = self.filter;
        if !filter.ids.is_empty() {
            return vec![Arm::Ids];
        }
        if !self.droplets.is_empty() {
            let mut arms: Vec<Arm<'_>> = match self.droplets.len() {
                ..=MOST_ARMS => self.droplets.iter().map(|id| Arm::Droplet(*id)).collect(),
                _ => vec![Arm::Droplets],
            };
            arms.push(Arm::Listed);
            return arms;
        }
        if filter.statuses == [IN_PROGRESS] {
            return vec![Arm::Open];
        }
        let mut types: Vec<&str> = filter.types.iter().map(String::as_str).collect();
        types.sort_unstable();
        types.dedup();
        match types.len() {
            1..=MOST_ARMS => types.into_iter().map(Arm::Type).collect(),
            _ => vec![Arm::Time],
        }
    }

    /// What holds for the rows of every arm and chooses no index in any.
    fn common(&mut self, arms: &[Arm<'_>]) -> Vec<String> {
        let filter = self.filter;
        let mut conditions = Vec::new();
        if !filter.statuses.is_empty() && !matches!(arms, [Arm::Open]) {
            conditions.push(self.one_of("+actions.status", &filter.statuses));
        }
        if !filter.regions.is_empty() {
            conditions.push(self.one_of("actions.region_slug", &filter.regions));
        }
        if !filter.resource_types.is_empty() {
            conditions.push(self.one_of("actions.resource_type", &filter.resource_types));
        }
        conditions
    }

    fn conditions(&mut self, arm: &Arm<'_>) -> Vec<String> {
        let mut conditions = match arm {
            Arm::Ids => {
                let mut conditions = vec![self.one_of("actions.id", &self.filter.ids)];
                if !self.droplets.is_empty() {
                    conditions.push(self.on_droplets_or_listed());
                }
                conditions
            }
            Arm::Droplet(id) => vec![self.on_droplets(&[*id])],
            Arm::Droplets => vec![self.on_droplets(self.droplets)],
            Arm::Listed => self.only_listed(),
            // Spelled out, because a partial index does not know what a parameter will be.
            Arm::Open => vec![format!("actions.status = '{IN_PROGRESS}'")],
            Arm::Type(name) => {
                let parameter = self.bind(Value::Text((*name).to_owned()));
                vec![format!("actions.type = {parameter}")]
            }
            Arm::Time => vec![],
        };
        if !matches!(arm, Arm::Type(_)) && !self.filter.types.is_empty() {
            conditions.push(self.one_of("+actions.type", &self.filter.types));
        }
        let is_by_time = !matches!(arm, Arm::Ids | Arm::Listed);
        conditions.extend(self.window(if is_by_time { "" } else { "+" }));
        conditions
    }

    fn window(&mut self, unary: &str) -> Vec<String> {
        [(">=", self.filter.since), ("<", self.filter.until)]
            .into_iter()
            .filter_map(|(operator, bound)| {
                let parameter = self.bind(Value::Text(bound?.to_string()));
                Some(format!("{unary}actions.started_at {operator} {parameter}"))
            })
            .collect()
    }

    fn on_droplets(&mut self, droplets: &[DropletId]) -> String {
        let condition = self.one_of("actions.resource_id", droplets);
        format!("{condition} AND actions.resource_type = 'droplet'")
    }

    fn listed(&mut self) -> String {
        let condition = self.one_of("listed.droplet_id", self.droplets);
        format!(
            "actions.id IN (SELECT listed.action_id FROM droplet_listed_actions AS listed\n         \
             WHERE {condition})"
        )
    }

    fn only_listed(&mut self) -> Vec<String> {
        let listed = self.listed();
        let other = self.one_of("+actions.resource_id", self.droplets);
        // A resource that is unknown is none of the droplets.
        vec![
            listed,
            format!("coalesce(actions.resource_type = 'droplet' AND {other}, 0) = 0"),
        ]
    }

    fn on_droplets_or_listed(&mut self) -> String {
        let on = self.one_of("+actions.resource_id", self.droplets);
        let listed = self.listed().replacen("actions.id", "+actions.id", 1);
        format!("((actions.resource_type = 'droplet' AND {on}) OR {listed})")
    }
}
