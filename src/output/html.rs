//! A table in HTML. It shows complete values for people, and text is always text.

use std::io;

use maud::{Markup, html};

use super::table::shown;
use super::{Heading, Look, Options, RowFormat, Value};

/// The document around a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The text before the table.
    pub head: String,
    /// The text after it.
    pub tail: String,
    /// True on a server: cells link to the pages of droplets, actions and reports.
    pub is_linked: bool,
}

/// Writes rows as a `<table>`.
pub(super) struct Html {
    pub(super) options: Options,
    pub(super) columns: Vec<(Look, Option<Link>)>,
}

/// The page that a cell links to, and the index of the column with its id.
pub(super) type Link = (&'static str, usize);

impl Html {
    fn cell(
        &self,
        (look, link): (Look, Option<Link>),
        values: &[Value<'_>],
        value: &Value<'_>,
    ) -> Markup {
        let text = match value {
            Value::Null => "".into(),
            value => shown(value, look, &self.options),
        };
        let status = match (look, value) {
            (Look::Status, Value::Text("errored")) => Some("status errored"),
            (Look::Status, Value::Text("completed")) => Some("status completed"),
            _ => None,
        };
        // A link without a text has no name for a screen reader.
        let link = link.filter(|_| self.options.frame.is_linked && !text.is_empty());
        let address = link.and_then(|(page, id)| match values.get(id)? {
            Value::Integer(id) => Some(format!("/{page}/{id}")),
            Value::Text(name) if page == "report" => Some(format!("/report/{name}")),
            _ => None,
        });
        html! {
            td class=[status] {
                @match address {
                    Some(address) => a href=(address) { bdi { (text) } },
                    None => bdi { (text) },
                }
            }
        }
    }
}

/// The link of a column. The id of an inventory is that of a droplet.
fn link(name: &str, headings: &[Heading<'_>]) -> Option<Link> {
    let place = |wanted: &str| headings.iter().position(|heading| heading.name == wanted);
    match name {
        "droplet_id" => Some(("timeline", place(name)?)),
        // Only a droplet has such a name, and then the resource is the droplet.
        "droplet_name" => Some(("timeline", place("droplet_id").or(place("resource_id"))?)),
        "name" if place("summary").is_some() || place("found").is_some() => {
            Some(("report", place(name)?))
        }
        "name" | "id" if place("former_names").is_some() => Some(("timeline", place("id")?)),
        _ if name == "id" || name.ends_with("action_id") => Some(("show", place(name)?)),
        _ => None,
    }
}

impl RowFormat for Html {
    fn header(&mut self, headings: &[Heading<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
        let column = |heading: &Heading<'_>| (heading.look, link(heading.name, headings));
        self.columns = headings.iter().map(column).collect();
        let header = html! {
            @if !self.options.no_header {
                thead { tr { @for heading in headings { th scope="col" { bdi { (heading.title) } } } } }
            }
        };
        let (head, header) = (&self.options.frame.head, header.0);
        bytes.extend(format!("{head}<table>\n{header}<tbody>\n").bytes());
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
        let row = html! {
            tr { @for (column, value) in self.columns.iter().zip(values) { (self.cell(*column, values, value)) } }
            "\n"
        };
        bytes.extend_from_slice(row.0.as_bytes());
        Ok(())
    }

    fn end(&mut self, bytes: &mut Vec<u8>) {
        let tail = &self.options.frame.tail;
        bytes.extend(format!("</tbody></table>\n{tail}").bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::written_under;
    use super::super::{Format, Heading, Options, Value};
    use super::*;

    fn table(frame: Frame, names: &[&str], row: &[Value<'_>]) -> String {
        let headings: Vec<_> = names.iter().map(|name| Heading::named(name)).collect();
        let options = Options {
            frame,
            ..Options::default()
        };
        written_under(Format::Html, options, &headings, &[row])
    }

    #[test]
    fn text_stays_text_and_an_unknown_value_is_an_empty_cell() {
        let row = [Value::Text("</td><script>1</script>\"'&"), Value::Null];
        let table = table(Frame::default(), &["name", "took_seconds"], &row);
        assert!(
            table.contains(
                "<td><bdi>&lt;/td&gt;&lt;script&gt;1&lt;/script&gt;&quot;'&amp;</bdi></td><td><bdi></bdi></td>"
            ),
            "{table}"
        );
    }

    #[test]
    fn ids_link_to_their_pages_where_there_are_pages() {
        let row = [Value::Integer(7), Value::Text("web-01"), Value::Integer(36)];
        let names = ["droplet_id", "droplet_name", "off_action_id"];
        let linked = |is_linked| {
            let frame = Frame {
                is_linked,
                ..Frame::default()
            };
            table(frame, &names, &row)
        };
        assert!(!linked(false).contains("href"));
        let linked = linked(true);
        assert!(
            linked.contains("<a href=\"/timeline/7\"><bdi>web-01</bdi></a>"),
            "{linked}"
        );
        assert!(
            linked.contains("<a href=\"/show/36\"><bdi>36</bdi></a>"),
            "{linked}"
        );
    }
}
