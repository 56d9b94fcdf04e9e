//! The schema as it is now, with the comments that the migrations explain it with.
//!
//! SQLite keeps the comments inside a statement and forgets those before it, so the migrations are run on an empty
//! database in memory for the one, and read as text for the other.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::error::{Error, Step};
use super::migrations::{self, MIGRATIONS};

/// The tables and views of an archive of this version.
#[derive(Clone, Debug)]
pub struct Schema {
    /// What is true of all of them, a line each.
    pub comment: Vec<String>,
    /// The tables, then the views.
    pub relations: Vec<Relation>,
}

/// A table or a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// As queries call it.
    pub name: String,
    /// What it is for, a line each.
    pub comment: Vec<String>,
    /// The statement that makes it, and those that make its indexes; without semicolons.
    pub statements: Vec<Described>,
}

/// A statement and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What it is for, a line each.
    pub comment: Vec<String>,
    /// Without a semicolon.
    pub sql: String,
}

const CANNOT: &str = "cannot make the schema in memory";

/// The schema that this program writes. No archive is needed.
///
/// # Errors
/// When SQLite cannot make it.
pub fn schema() -> Result<Schema, Error> {
    let connection = migrations::model(migrations::LATEST_VERSION)?;
    let comments = Comments::read(&MIGRATIONS);
    let mut relations: Vec<Relation> = Vec::new();
    for (kind, name, table, sql) in objects(&connection).step(CANNOT)? {
        let comment = comments.of(&name);
        if kind != "index" {
            let statements = vec![Described {
                comment: Vec::new(),
                sql,
            }];
            relations.push(Relation {
                name,
                comment,
                statements,
            });
        } else if let Some(relation) = relations.iter_mut().find(|it| it.name == table) {
            relation.statements.push(Described { comment, sql });
        }
    }
    Ok(Schema {
        comment: comments.of_all,
        relations,
    })
}

type Object = (String, String, String, String);

/// Tables, views, indexes; each in the order in which they were made.
fn objects(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    let sql = "
        SELECT type, name, tbl_name, sql
          FROM sqlite_schema
         WHERE sql IS NOT NULL
         ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.collect()
}

/// The comments that stand before statements.
#[derive(Default)]
struct Comments {
    of_all: Vec<String>,
    /// By the name of what the statement makes.
    by_name: BTreeMap<String, Vec<String>>,
}

impl Comments {
    fn read(migrations: &[&str]) -> Self {
        let mut comments = Self::default();
        for migration in migrations {
            comments.read_one(migration);
        }
        comments
    }

    fn of(&self, name: &str) -> Vec<String> {
        self.by_name.get(name).cloned().unwrap_or_default()
    }

    /// A comment belongs to the statement on the next line. The first one of all, with an empty line below, to
    /// everything.
    fn read_one(&mut self, migration: &str) {
        let mut pending: Vec<String> = Vec::new();
        for line in migration.lines() {
            if let Some(comment) = line.strip_prefix("--") {
                pending.push(comment.strip_prefix(' ').unwrap_or(comment).to_owned());
                continue;
            }
            let comment = std::mem::take(&mut pending);
            if line.is_empty() {
                if self.of_all.is_empty() && self.by_name.is_empty() {
                    self.of_all = comment;
                }
                continue;
            }
            let words: Vec<&str> = line
                .split([' ', '('])
                .filter(|word| !word.is_empty())
                .collect();
            match words.as_slice() {
                ["CREATE", "TABLE" | "VIEW" | "INDEX", name, ..]
                | ["CREATE", "UNIQUE", "INDEX", name, ..] => {
                    self.by_name.insert((*name).to_owned(), comment);
                }
                ["ALTER", "TABLE", table, "ADD", "COLUMN", column, ..] => {
                    let of_table = self.by_name.entry((*table).to_owned()).or_default();
                    of_table.extend(of_column(column, comment));
                }
                _ => {}
            }
        }
    }
}

fn of_column(column: &str, comment: Vec<String>) -> impl Iterator<Item = String> {
    let column = column.to_owned();
    comment
        .into_iter()
        .enumerate()
        .map(move |(number, line)| match number {
            0 => format!("{column}: {line}"),
            _ => line,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(name: &str) -> Relation {
        let schema = schema().unwrap();
        let mut relations = schema.relations.into_iter();
        relations.find(|relation| relation.name == name).unwrap()
    }

    #[test]
    fn every_table_and_view_is_there_and_says_what_it_is_for() {
        let schema = schema().unwrap();
        assert!(schema.comment[0].starts_with("The archive: "));
        for name in ["actions", "listings", "account", "droplet_actions"] {
            let relation = relation(name);
            assert!(!relation.comment.is_empty(), "{name}");
        }
        for relation in &schema.relations {
            let kinds = ["CREATE TABLE ", "CREATE VIEW "];
            let sql = &relation.statements[0].sql;
            assert!(kinds.iter().any(|kind| sql.starts_with(kind)), "{sql}");
        }
    }

    #[test]
    fn indexes_stand_with_their_table() {
        let actions = relation("actions");
        let made: Vec<_> = actions
            .statements
            .iter()
            .map(|it| it.sql.as_str())
            .collect();
        assert!(made[1..].iter().all(|sql| sql.starts_with("CREATE INDEX ")));
        assert!(made.iter().any(|sql| sql.contains("actions_by_time ")));
        let commented = &actions.statements[made
            .iter()
            .position(|sql| sql.contains("actions_without_end"))
            .unwrap()];
        assert!(commented.comment[0].starts_with("Completed actions"));
    }

    #[test]
    fn a_column_that_came_later_brings_its_comment() {
        let listings = relation("listings");
        let comment = listings.comment.join("\n");
        assert!(comment.starts_with("A paged list at the API"), "{comment}");
        assert!(comment.contains("\nfollowed_from: Of a droplet's listing: "));
        assert!(listings.statements[0].sql.contains("followed_from INTEGER"));
    }

    #[test]
    fn a_comment_belongs_to_the_statement_below_it() {
        let comments = Comments::read(&[
            "-- All.\n-- Of it.\n\n-- A table.\nCREATE TABLE a (\n    -- inside\n    x TEXT\n);\n\nCREATE UNIQUE INDEX b ON a (x);\n",
            "-- Of this file only.\n\n-- New.\n-- And old.\nALTER TABLE a ADD COLUMN y TEXT;\n-- Gone.\nDROP VIEW c;\nCREATE VIEW c AS\nSELECT 1;\n",
        ]);
        assert_eq!(comments.of_all, ["All.", "Of it."]);
        assert_eq!(comments.of("a"), ["A table.", "y: New.", "And old."]);
        assert_eq!(comments.of("b"), [""; 0]);
        assert_eq!(comments.of("c"), [""; 0]);
    }
}
