//! Pictures as inline SVG: they need nothing beside the page that holds them.

use std::fmt::Write as _;

use super::Estimate;
use super::text::{cut, escape};

/// Colours of series, told apart by people who do not see red and green apart as well (Okabe and
/// Ito's palette).
const COLOURS: [&str; 8] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"];

/// Widths and heights in pixels of the drawing.
const WIDTH: f64 = 760.0;
const LABEL_WIDTH: f64 = 210.0;
const VALUE_WIDTH: f64 = 150.0;
const BAR_HEIGHT: f64 = 14.0;
const GAP: f64 = 8.0;
const LEGEND_HEIGHT: f64 = 20.0;
const TITLE_HEIGHT: f64 = 26.0;

/// Characters of a label.
const LABEL_CHARS_MAX: usize = 30;

/// Room for bars.
const ROOM: f64 = WIDTH - LABEL_WIDTH - VALUE_WIDTH;

/// Shares as bars with their intervals: a group of bars a row, one a series.
pub fn bars(title: &str, series: &[&str], rows: &[(String, Vec<Option<Estimate>>)]) -> String {
    let mut drawing = Drawing::new(title, series);
    for (label, estimates) in rows {
        drawing.label(label, estimates.len());
        for (at, estimate) in estimates.iter().enumerate() {
            match estimate {
                None => drawing.value("-"),
                Some(estimate) => {
                    let hint = format!("{}: {}", name(series, at), Estimate::text(Some(*estimate)));
                    drawing.bar(0.0, estimate.share, at, &hint);
                    drawing.whisker(estimate.low, estimate.high);
                    drawing.value(&Estimate::text(Some(*estimate)));
                }
            }
            drawing.next_bar();
        }
        drawing.next_group();
    }
    drawing.scale(&["0 %", "25 %", "50 %", "75 %", "100 %"]);
    drawing.finish()
}

/// Counts stacked into one bar a row, as shares of the row's total.
pub fn stacks(title: &str, series: &[&str], rows: &[(String, usize, Vec<usize>)]) -> String {
    let mut drawing = Drawing::new(title, series);
    for (label, total, counts) in rows {
        drawing.label(label, 1);
        let share = |count: usize| count as f64 / (*total).max(1) as f64;
        let mut from = 0.0;
        for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let hint = format!("{}: {count} of {total}", name(series, at));
            drawing.bar(from, from + share(*count), at, &hint);
            from += share(*count);
        }
        drawing.value(&format!("{} of {total}", counts.iter().sum::<usize>()));
        drawing.next_bar();
        drawing.next_group();
    }
    drawing.scale(&["0 %", "25 %", "50 %", "75 %", "100 %"]);
    drawing.finish()
}

/// Counts as bars, the longest of which takes the whole width: a group of bars a row, one a series.
pub fn counts(title: &str, series: &[&str], rows: &[(String, Vec<usize>)]) -> String {
    let most = rows.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or_default().max(1);
    let mut drawing = Drawing::new(title, series);
    for (label, counts) in rows {
        drawing.label(label, counts.len());
        for (at, count) in counts.iter().enumerate() {
            let hint = format!("{}: {count}", name(series, at));
            drawing.bar(0.0, *count as f64 / most as f64, at, &hint);
            drawing.value(&count.to_string());
            drawing.next_bar();
        }
        drawing.next_group();
    }
    drawing.scale(&["0", &most.to_string()]);
    drawing.finish()
}

fn name<'a>(series: &[&'a str], at: usize) -> &'a str {
    series.get(at).copied().unwrap_or_default()
}

/// A drawing from top to bottom.
struct Drawing {
    title: String,
    body: String,
    /// Upper edge of the next bar.
    y: f64,
    /// Upper edge of the first bar.
    top: f64,
}

impl Drawing {
    fn new(title: &str, series: &[&str]) -> Self {
        let mut drawing =
            Self { title: title.to_owned(), body: String::new(), y: TITLE_HEIGHT, top: 0.0 };
        drawing.text(0.0, 16.0, "start", "title", title);
        if series.len() > 1 {
            drawing.legend(series);
        }
        drawing.top = drawing.y;
        drawing
    }

    /// The names of the series beside their colours, in as many lines as they need.
    fn legend(&mut self, series: &[&str]) {
        let mut x = 0.0;
        for (at, name) in series.iter().enumerate() {
            let width = 34.0 + 7.0 * name.chars().count() as f64;
            if x > 0.0 && x + width > WIDTH {
                x = 0.0;
                self.y += LEGEND_HEIGHT;
            }
            let _ = writeln!(
                self.body,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"{}\"/>",
                self.y,
                colour(at)
            );
            self.text(x + 17.0, self.y + 10.5, "start", "label", name);
            x += width;
        }
        self.y += LEGEND_HEIGHT + GAP;
    }

    /// The name of a group of so many bars.
    fn label(&mut self, label: &str, bars: usize) {
        let middle = self.y + BAR_HEIGHT * bars.max(1) as f64 / 2.0 + 4.0;
        self.text(LABEL_WIDTH - 10.0, middle, "end", "label", &cut(label, LABEL_CHARS_MAX));
    }

    /// A bar from one share of the room to another.
    fn bar(&mut self, from: f64, to: f64, series: usize, hint: &str) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\">\
             <title>{}</title></rect>",
            LABEL_WIDTH + ROOM * from,
            self.y,
            ROOM * (to - from),
            BAR_HEIGHT - 2.0,
            colour(series),
            escape(hint)
        );
    }

    fn whisker(&mut self, low: f64, high: f64) {
        let (left, right) = (LABEL_WIDTH + ROOM * low, LABEL_WIDTH + ROOM * high);
        let middle = self.y + (BAR_HEIGHT - 2.0) / 2.0;
        let (top, bottom) = (middle - 3.0, middle + 3.0);
        let _ = writeln!(
            self.body,
            "<path d=\"M{left:.1} {top:.1} V{bottom:.1} M{left:.1} {middle:.1} H{right:.1} \
             M{right:.1} {top:.1} V{bottom:.1}\" class=\"whisker\"/>"
        );
    }

    /// The figure beside a bar.
    fn value(&mut self, text: &str) {
        let y = self.y + BAR_HEIGHT - 4.0;
        self.text(LABEL_WIDTH + ROOM + 8.0, y, "start", "value", text);
    }

    fn next_bar(&mut self) {
        self.y += BAR_HEIGHT;
    }

    fn next_group(&mut self) {
        self.y += GAP;
    }

    /// Lines from top to bottom at equal distances, and what they stand for.
    fn scale(&mut self, marks: &[&str]) {
        let steps = marks.len().saturating_sub(1).max(1) as f64;
        let (top, bottom) = (self.top - 2.0, self.y);
        for (at, mark) in marks.iter().enumerate() {
            let x = LABEL_WIDTH + ROOM * at as f64 / steps;
            let _ =
                writeln!(self.body, "<path d=\"M{x:.1} {top:.1} V{bottom:.1}\" class=\"grid\"/>");
            self.text(x, bottom + 13.0, "middle", "value", mark);
        }
        self.y += LEGEND_HEIGHT;
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{}</text>",
            escape(text)
        );
    }

    fn finish(self) -> String {
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n{}</svg>\n",
            self.y + GAP,
            escape(&self.title),
            self.body
        )
    }
}

fn colour(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of an attribute, wherever it stands.
    fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
        let mark = format!(" {attribute}=\"");
        let parts = svg.split(&mark).skip(1);
        parts.map(|part| part.split('"').next().unwrap().parse().unwrap()).collect()
    }

    fn drawn() -> [String; 3] {
        let hostile = "<script>\u{1b}\"".to_owned();
        let shares = vec![Estimate::of(1, 2), None];
        [
            bars("A & B", &["<one>", "two"], &[(hostile.clone(), shares)]),
            stacks("A & B", &["<one>", "two"], &[(hostile.clone(), 4, vec![1, 3])]),
            counts("A & B", &["<one>", "two"], &[(hostile, vec![0, 7])]),
        ]
    }

    #[test]
    fn hostile_labels_stay_text() {
        for svg in drawn() {
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
            assert!(svg.contains("&lt;script&gt;\u{fffd}&quot;"), "{svg}");
            assert!(svg.contains("&lt;one&gt;") && svg.contains("A &amp; B"), "{svg}");
            assert!(!svg.contains("<script") && !svg.contains("<one"), "{svg}");
            assert_eq!(svg.matches('<').count(), svg.matches('>').count(), "{svg}");
        }
    }

    #[test]
    fn nothing_is_drawn_outside() {
        for svg in drawn() {
            let (xs, widths) = (numbers(&svg, "x"), numbers(&svg, "width"));
            assert!(xs.iter().all(|x| (0.0..=WIDTH).contains(x)), "{svg}");
            assert!(widths.iter().all(|width| (0.0..=ROOM + 0.1).contains(width)), "{svg}");
        }
    }

    #[test]
    fn bars_are_as_long_as_their_shares() {
        let svg = bars("t", &["s"], &[("half".to_owned(), vec![Estimate::of(1, 2)])]);
        assert!(numbers(&svg, "width").contains(&(ROOM / 2.0)), "{svg}");
        assert!(svg.contains("50.0 % [9.5, 90.5]"), "{svg}");
        let svg = counts("t", &["s"], &[("none".to_owned(), vec![0])]);
        assert!(numbers(&svg, "width").contains(&0.0), "{svg}");
        let svg = stacks("t", &["s"], &[("none".to_owned(), 0, vec![0])]);
        assert!(svg.contains("0 of 0"), "{svg}");
    }
}
