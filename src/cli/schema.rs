//! `archiver schema`: prints the commented schema on stdout, as SQL.

use std::fmt::Write as _;

use archiver::archive::{self, APPLICATION_ID, LATEST_VERSION, Relation, Schema};

use super::Context;
use super::exit::{Failure, Status};
use super::pager;

/// Flags of `archiver schema`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Only this table or view, with its indexes
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

const AFTER_HELP: &str = "\
Examples:
  archiver schema
  archiver schema actions
  archiver schema | sqlite3 empty.db

It is the schema that this archiver writes; no archive is read.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let schema = archive::schema()?;
    let text = match &arguments.name {
        None => whole(&schema),
        Some(name) => {
            let mut relations = schema.relations.iter();
            let found = relations.find(|relation| relation.name.eq_ignore_ascii_case(name));
            one(found.ok_or_else(|| unknown(name, &schema))?)
        }
    };
    pager::print(context, |stdout| stdout.write_all(text.as_bytes()))
}

fn unknown(name: &str, schema: &Schema) -> Failure {
    let names = schema.relations.iter();
    let names: Vec<_> = names.map(|relation| relation.name.as_str()).collect();
    Failure::usage(format!("there is no table or view `{name}`"))
        .with_hint(format!("the tables and views are {}", names.join(", ")))
}

fn whole(schema: &Schema) -> String {
    let mut text = schema.comment.clone();
    // A write to a `String` cannot fail.
    let _ = write!(
        text,
        "\n-- These numbers mark the file as an archive of this version.\n\
         PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {LATEST_VERSION};\n"
    );
    for relation in &schema.relations {
        text.push('\n');
        text.push_str(&one(relation));
    }
    text
}

fn one(relation: &Relation) -> String {
    let mut text = String::new();
    for (number, statement) in relation.statements.iter().enumerate() {
        if number == 1 || (number > 1 && statement.starts_with("--")) {
            text.push('\n');
        }
        text.push_str(statement);
        text.push_str(";\n");
    }
    text
}
