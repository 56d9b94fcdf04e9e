//! Small multiples on logarithmic axes, as SVG that is readable on light and dark pages.
//!
//! Plain code: axes, lines and labels take a hundred lines, while a plotting crate brings a dozen crates.

use std::fmt::Write as _;

use crate::figure::number;

/// One curve with its own axes.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// The measured value, with its unit.
    pub(crate) title: String,
    /// The size that grows, and the figure at each size.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Panels above each other with a common size axis.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The size that grows, and the constant conditions.
    pub(crate) title: String,
    /// The title of its horizontal axis, with the unit.
    pub(crate) axis: String,
    pub(crate) panels: Vec<Panel>,
}

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px } .axis { fill: #59636e; font-size: 11px }
.page { fill: #ffffff } .grid { stroke: #d1d9e0; stroke-width: 1 }
.curve { stroke: #0969da; stroke-width: 2; fill: none } .point { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .axis { fill: #9198a1 } .page { fill: #0d1117 } .grid { stroke: #3d444d }
.curve { stroke: #4493f8 } .point { fill: #4493f8 } }";

const LEFT: f64 = 64.0;
const WIDTH: f64 = 330.0;
const GAP: f64 = 76.0;
const TOP: f64 = 66.0;
const HEIGHT: f64 = 104.0;
const BETWEEN: f64 = 46.0;
const BOTTOM: f64 = 52.0;

/// The place of a panel on the page, and the decades of its axes.
struct Frame {
    left: f64,
    top: f64,
    across: (i32, i32),
    up: (i32, i32),
}

impl Frame {
    fn x(&self, value: f64) -> f64 {
        self.left + WIDTH * share(self.across, value)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + HEIGHT * (1.0 - share(self.up, value))
    }
}

fn share((least, most): (i32, i32), value: f64) -> f64 {
    (value.log10() - f64::from(least)) / f64::from(most - least)
}

/// The chart. Panels beside each other share their vertical axis, so that readers can compare them.
pub(crate) fn svg(columns: &[Column]) -> String {
    let panels = columns.iter().map(|column| column.panels.len()).max();
    let panels = panels.unwrap_or_default() as f64;
    let width = LEFT + columns.len() as f64 * (WIDTH + GAP) - GAP + 30.0;
    let height = TOP + panels * (HEIGHT + BETWEEN) - BETWEEN + BOTTOM;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"How the figures grow\">\n\
         <style>{STYLE}</style>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (place, column) in columns.iter().enumerate() {
        let left = LEFT + place as f64 * (WIDTH + GAP);
        label(&mut out, "title", (left, 24.0), "start", &column.title);
        for (row, panel) in column.panels.iter().enumerate() {
            let beside = columns.iter().filter_map(|column| column.panels.get(row));
            let frame = Frame {
                left,
                top: TOP + row as f64 * (HEIGHT + BETWEEN),
                across: decades(
                    column
                        .panels
                        .iter()
                        .flat_map(|panel| &panel.points)
                        .map(|it| it.0),
                ),
                up: decades(beside.flat_map(|panel| &panel.points).map(|it| it.1)),
            };
            draw(&mut out, &frame, panel);
        }
        let middle = (left + WIDTH / 2.0, height - 14.0);
        label(&mut out, "axis", middle, "middle", &column.axis);
    }
    out.push_str("</svg>\n");
    out
}

/// The powers of ten around all values.
fn decades(values: impl Iterator<Item = f64>) -> (i32, i32) {
    let logarithms: Vec<f64> = values
        .filter(|value| *value > 0.0)
        .map(f64::log10)
        .collect();
    let least = logarithms.iter().copied().fold(f64::INFINITY, f64::min);
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if logarithms.is_empty() {
        return (0, 1);
    }
    let least = least.floor() as i32;
    (least, (most.ceil() as i32).max(least + 1))
}

fn draw(out: &mut String, frame: &Frame, panel: &Panel) {
    label(
        out,
        "",
        (frame.left, frame.top - 10.0),
        "start",
        &panel.title,
    );
    for power in frame.up.0..=frame.up.1 {
        let y = frame.y(10_f64.powi(power));
        line(out, (frame.left, y), (frame.left + WIDTH, y));
        let text = short(10_f64.powi(power));
        label(out, "axis", (frame.left - 8.0, y + 4.0), "end", &text);
    }
    for power in frame.across.0..=frame.across.1 {
        let x = frame.x(10_f64.powi(power));
        line(out, (x, frame.top), (x, frame.top + HEIGHT));
        let text = short(10_f64.powi(power));
        let below = (x, frame.top + HEIGHT + 15.0);
        label(out, "axis", below, "middle", &text);
    }
    curve(out, frame, panel);
}

fn curve(out: &mut String, frame: &Frame, panel: &Panel) {
    let places: Vec<(f64, f64)> = panel
        .points
        .iter()
        .map(|&(size, figure)| (frame.x(size), frame.y(figure)))
        .collect();
    let path: Vec<String> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<polyline class=\"curve\" points=\"{}\"/>",
        path.join(" ")
    );
    for ((x, y), (_, figure)) in places.iter().zip(&panel.points) {
        let _ = writeln!(
            out,
            "<circle class=\"point\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"
        );
        // Above the point, or below it where it is at the upper edge.
        let offset = if *y < frame.top + 18.0 { 17.0 } else { -8.0 };
        // Beside the edges of the panel, where the axes have their own labels.
        let anchor = match x - frame.left {
            left if left < 16.0 => "start",
            right if right > WIDTH - 16.0 => "end",
            _ => "middle",
        };
        let shift = if anchor == "start" { 4.0 } else { 0.0 };
        label(out, "", (*x + shift, y + offset), anchor, &number(*figure));
    }
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        out,
        "<line class=\"grid\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn label(out: &mut String, class: &str, (x, y): (f64, f64), anchor: &str, text: &str) {
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

/// `5k`, `10M`, `0.1`.
pub(crate) fn short(value: f64) -> String {
    match value {
        millions if millions >= 1e6 => format!("{}M", millions / 1e6),
        thousands if thousands >= 1e3 => format!("{}k", thousands / 1e3),
        small => format!("{small}"),
    }
}
