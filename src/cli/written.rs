//! The command as the user wrote it, for the titles and addresses of documents.

use std::fmt;

use archiver::output::Frame;
use archiver::web;
use clap::ArgMatches;
use clap::parser::ValueSource;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The command as the user wrote it.
#[derive(Clone, Default)]
pub(super) struct Written {
    /// The command: `report`, `uptime`.
    pub(super) words: Vec<String>,
    /// The name of each flag of the command, without its dashes, and its values.
    pub(super) flags: Vec<(String, String)>,
    /// The flags, as they were parsed.
    pub(super) matches: ArgMatches,
}

impl Written {
    pub(super) fn of(mut command: &clap::Command, mut matches: &ArgMatches) -> Self {
        let mut written = Self::default();
        while let Some((name, inner)) = matches.subcommand() {
            written.words.push(name.to_owned());
            command = command.find_subcommand(name).unwrap_or(command);
            matches = inner;
        }
        for argument in command.get_arguments().filter(|it| !it.is_global_set()) {
            let id = argument.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values = matches.get_raw(id).into_iter().flatten();
            let mut values: Vec<_> = values.map(|it| it.to_string_lossy()).collect();
            if !argument.get_action().takes_values() {
                values.clear();
            }
            match argument.get_long() {
                Some(name) => written.flags.push((name.to_owned(), values.join(","))),
                None => written.words.push(values.join(" ")),
            }
        }
        written.matches = matches.clone();
        written
    }

    /// The flags that say what was asked, and not how it is shown.
    pub(super) fn asked(&self) -> impl Iterator<Item = &(String, String)> {
        let flags = self.flags.iter();
        flags.filter(|(name, _)| !["output", "linked"].contains(&name.as_str()))
    }

    /// The filters in words, without the zone of the times.
    pub(super) fn filters(&self) -> String {
        let filters = self.asked().filter(|(name, _)| name != "tz");
        let filters: Vec<_> = filters
            .map(|(name, value)| format!("{name} {value}").trim_end().to_owned())
            .collect();
        filters.join(", ")
    }

    /// The address of the answer as JSON, on a server.
    pub(super) fn json_address(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let path: Vec<_> = self.words.iter().map(|word| encoded(word)).collect();
        let flags = self
            .asked()
            .map(|(name, value)| format!("{name}={}", encoded(value)));
        let flags: Vec<_> = flags.collect();
        format!("/{}.json?{}", path.join("/"), flags.join("&"))
    }

    /// The document around the answer in HTML: its title is the question. On a server it has links.
    pub(super) fn frame(&self, is_linked: bool) -> Frame {
        let json = is_linked.then(|| self.json_address());
        let (head, tail) = web::frame(&self.to_string(), json.as_deref());
        Frame {
            head,
            tail,
            is_linked,
        }
    }
}

impl fmt::Display for Written {
    /// The command and its flags in words.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words.join(" "))?;
        self.asked().try_for_each(|(name, value)| {
            let separator = if value.is_empty() { "" } else { " " };
            write!(formatter, ", {name}{separator}{value}")
        })
    }
}
