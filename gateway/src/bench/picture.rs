//! Pictures as SVG that stands in a page by itself: no script, no font, no file beside it.

use std::fmt::Write as _;

use hyfunc_training::report::escape;

use super::row::Row;
use super::units;

/// Width of every picture; a page scales it.
const WIDTH: f64 = 720.0;
/// Height of a line chart without its legend.
const HEIGHT: f64 = 320.0;
/// Room at the left for names and numbers.
const LEFT: f64 = 96.0;
/// Room at the right, at the top and at the bottom of a line chart.
const RIGHT: f64 = 24.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;
/// Height of a bar with its floor, and of a line of a legend.
const BAR: f64 = 40.0;
const LEGEND: f64 = 20.0;

const COLOURS: [&str; 6] = ["#0b62c4", "#c4500b", "#0b8f4d", "#8a2bc4", "#a07800", "#5a6470"];

/// A picture and its title.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// Steps one after another, the floor of each below it.
    Timeline {
        /// What is seen.
        title: String,
        /// The steps in order.
        spans: Vec<Span>,
    },
    /// Lines over sizes, both on logarithmic scales.
    Lines {
        /// What is seen.
        title: String,
        /// What sizes are of.
        of: &'static str,
        /// What values are.
        scale: Scale,
        /// One line each.
        series: Vec<Series>,
    },
    /// Lengths beside each other.
    Bars {
        /// What is seen.
        title: String,
        /// What values are.
        scale: Scale,
        /// Names and values.
        bars: Vec<(String, f64)>,
    },
}

/// A step of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// Microseconds that it took.
    pub us: f64,
    /// Microseconds that it takes at least.
    pub floor_us: f64,
}

/// A line over sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Sizes and values, all above 0.
    pub points: Vec<(f64, f64)>,
}

/// What the values of a picture are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Microseconds.
    Time,
    /// Bytes.
    Bytes,
    /// So many a second.
    Rate,
}

impl Scale {
    fn text(self, value: f64) -> String {
        match self {
            Scale::Time => units::time(value),
            Scale::Bytes => units::bytes(value),
            Scale::Rate => format!("{}/s", units::count(value)),
        }
    }
}

impl Picture {
    /// A line for each name of the rows, a point for each size.
    pub(super) fn lines(
        title: &str,
        scale: Scale,
        rows: &[Row],
        value: impl Fn(&Row) -> Option<f64>,
    ) -> Self {
        let mut series: Vec<Series> = Vec::new();
        let mut of = "";
        for row in rows {
            let (Some(at), Some(value)) = (row.at, value(row)) else { continue };
            // Neither nothing nor less has a place on a logarithmic scale.
            if value <= 0.0 || at.count == 0 {
                continue;
            }
            of = at.of;
            let point = (at.count as f64, value);
            match series.iter_mut().find(|series| series.name == row.name) {
                Some(series) => series.points.push(point),
                None => series.push(Series { name: row.name.clone(), points: vec![point] }),
            }
        }
        Picture::Lines { title: title.into(), of, scale, series }
    }

    /// A bar for each row.
    pub(super) fn bars(
        title: &str,
        scale: Scale,
        rows: &[Row],
        value: impl Fn(&Row) -> Option<f64>,
    ) -> Self {
        let bars = rows.iter().filter_map(|row| Some((row.label(), value(row)?))).collect();
        Picture::Bars { title: title.into(), scale, bars }
    }

    /// What is seen.
    pub fn title(&self) -> &str {
        match self {
            Picture::Timeline { title, .. }
            | Picture::Lines { title, .. }
            | Picture::Bars { title, .. } => title,
        }
    }

    /// The picture; nothing where there is nothing to see.
    pub(super) fn svg(&self) -> Option<String> {
        let (height, drawn) = match self {
            Picture::Timeline { spans, .. } => timeline(spans)?,
            Picture::Lines { of, scale, series, .. } => lines(of, *scale, series)?,
            Picture::Bars { scale, bars, .. } => bars_of(*scale, bars)?,
        };
        let title = escape(self.title());
        Some(format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n{drawn}</svg>\n"
        ))
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, said: &str) {
    let said = escape(said);
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{said}</text>");
}

fn bar(out: &mut String, x: f64, y: f64, width: f64, height: f64, colour: &str) {
    // What took hardly any time is still there to be seen.
    let width = width.max(1.5);
    let _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         fill=\"{colour}\"/>"
    );
}

/// Text after a bar, or before its end where there is no room.
fn after_bar(out: &mut String, end: f64, y: f64, said: &str) {
    if end < WIDTH * 0.7 {
        text(out, end + 6.0, y, "start", said);
    } else {
        text(out, WIDTH - 4.0, y - 16.0, "end", said);
    }
}

fn timeline(spans: &[Span]) -> Option<(f64, String)> {
    let total: f64 = spans.iter().map(|span| span.us.max(span.floor_us)).sum();
    if total <= 0.0 {
        return None;
    }
    let scale = (WIDTH - LEFT - RIGHT) / total;
    let mut out = String::new();
    let mut x = LEFT;
    for (at, span) in spans.iter().enumerate() {
        let y = TOP + 14.0 + at as f64 * (BAR + 4.0);
        text(&mut out, LEFT - 8.0, y + 11.0, "end", &span.name);
        bar(&mut out, x, y, span.us * scale, 14.0, COLOURS[0]);
        bar(&mut out, x, y + 15.0, span.floor_us * scale, 5.0, COLOURS[1]);
        let floor = units::time(span.floor_us);
        let said = format!("{} (floor {floor})", units::time(span.us));
        after_bar(&mut out, x + span.us.max(span.floor_us) * scale, y + 11.0, &said);
        x += span.us * scale;
    }
    Some((TOP + 18.0 + spans.len() as f64 * (BAR + 4.0), out))
}

fn bars_of(scale: Scale, bars: &[(String, f64)]) -> Option<(f64, String)> {
    let most = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let mut out = String::new();
    for (at, (name, value)) in bars.iter().enumerate() {
        let y = TOP + at as f64 * BAR;
        text(&mut out, 4.0, y + 11.0, "start", &format!("{name}: {}", scale.text(*value)));
        let width = value / most * (WIDTH - RIGHT - 4.0);
        bar(&mut out, 4.0, y + 16.0, width, 14.0, COLOURS[at % COLOURS.len()]);
    }
    Some((TOP + bars.len() as f64 * BAR, out))
}

/// Where numbers lie on a logarithmic scale, as a share of it.
struct Log {
    from: f64,
    to: f64,
}

impl Log {
    fn share(&self, value: f64) -> f64 {
        let (from, to) = (self.from.log10(), self.to.log10());
        if to > from { (value.log10() - from) / (to - from) } else { 0.5 }
    }
}

fn lines(of: &str, scale: Scale, series: &[Series]) -> Option<(f64, String)> {
    let points = || series.iter().flat_map(|series| &series.points);
    let range = |part: fn(&(f64, f64)) -> f64| {
        let values = points().map(part);
        values.fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)))
    };
    points().next()?;
    let (x_low, x_high) = range(|point| point.0);
    let (y_low, y_high) = range(|point| point.1);
    // Whole decades, at least one of them.
    let first = y_low.log10().floor() as i32;
    let last = (y_high.log10().ceil() as i32).max(first + 1);
    let x_scale = Log { from: x_low, to: x_high };
    let y_scale = Log { from: 10f64.powi(first), to: 10f64.powi(last) };
    let x = |value| LEFT + 12.0 + x_scale.share(value) * (WIDTH - LEFT - RIGHT - 24.0);
    let y = |value| HEIGHT - BOTTOM - y_scale.share(value) * (HEIGHT - BOTTOM - TOP);
    let mut out = String::new();
    for decade in first..=last {
        let value = 10f64.powi(decade);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {0:.1} H{1}\" stroke=\"#8888\" stroke-width=\"0.5\"/>",
            y(value),
            WIDTH - RIGHT
        );
        text(&mut out, LEFT - 8.0, y(value) + 4.0, "end", &scale.text(value));
    }
    let mut sizes: Vec<f64> = points().map(|point| point.0).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    for size in sizes {
        text(&mut out, x(size), HEIGHT - BOTTOM + 18.0, "middle", &units::whole(size as usize));
    }
    text(&mut out, WIDTH - RIGHT, HEIGHT - 8.0, "end", of);
    for (at, series) in series.iter().enumerate() {
        let place: Vec<(f64, f64)> = series.points.iter().map(|p| (x(p.0), y(p.1))).collect();
        line(&mut out, at, &series.name, &place);
    }
    Some((HEIGHT + series.len() as f64 * LEGEND + 4.0, out))
}

/// A line with its points, and its line in the legend.
fn line(out: &mut String, at: usize, name: &str, points: &[(f64, f64)]) {
    let colour = COLOURS[at % COLOURS.len()];
    // When the colours come round again, the line is broken.
    let dash = if at < COLOURS.len() { "none" } else { "6 4" };
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
         stroke-dasharray=\"{dash}\"/>",
        path.join(" ")
    );
    for (x, y) in points {
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>");
    }
    let y = HEIGHT + at as f64 * LEGEND;
    bar(out, LEFT, y + 2.0, 18.0, 4.0, colour);
    text(out, LEFT + 26.0, y + 9.0, "start", name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Times;

    fn row(name: &str, count: usize, p50_us: f64) -> Row {
        let times = Times { samples: 1, p50_us, p95_us: p50_us, p99_us: p50_us, per_second: 1.0 };
        Row::timed(name, Some(times)).at(count, "connections")
    }

    fn p50(row: &Row) -> Option<f64> {
        Some(row.times.as_ref()?.p50_us)
    }

    /// Every number of a picture is one: no NaN and no infinity reached it.
    fn assert_sound(svg: &str) {
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count(), "{svg}");
    }

    #[test]
    fn a_line_for_each_name_and_a_point_for_each_size() {
        let rows = [row("a", 1, 10.0), row("b", 1, 20.0), row("a", 64, 500.0)];
        let picture = Picture::lines("Times", Scale::Time, &rows, p50);
        let Picture::Lines { series, of, .. } = &picture else { panic!("lines") };
        assert_eq!(*of, "connections");
        assert_eq!(series.len(), 2);
        assert_eq!(series[0].points, [(1.0, 10.0), (64.0, 500.0)]);
        let svg = picture.svg().unwrap();
        assert_sound(&svg);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 3));
        for said in [">1<", ">64<", ">a<", ">b<", "10.0 µs", "1.00 ms"] {
            assert!(svg.contains(said), "{said}: {svg}");
        }
    }

    #[test]
    fn one_point_nothing_and_less_than_nothing_are_drawn_or_left_out() {
        let one = Picture::lines("One", Scale::Rate, &[row("a", 8, 5.0)], p50);
        assert_sound(&one.svg().unwrap());
        let none = Picture::lines("None", Scale::Bytes, &[row("a", 8, 0.0)], p50);
        assert_eq!(none.svg(), None);
        assert_eq!(Picture::lines("None", Scale::Time, &[], p50).svg(), None);
        assert_eq!(Picture::bars("None", Scale::Time, &[], p50).svg(), None);
        let spans = vec![Span { name: "accept".into(), us: 0.0, floor_us: 0.0 }];
        assert_eq!(Picture::Timeline { title: "None".into(), spans }.svg(), None);
    }

    #[test]
    fn a_timeline_puts_each_step_where_the_last_one_ended() {
        let span = |name: &str, us| Span { name: name.into(), us, floor_us: us / 10.0 };
        let spans = vec![span("distil", 250.0), span("decode", 750.0)];
        let svg = Picture::Timeline { title: "Steps".into(), spans }.svg().unwrap();
        assert_sound(&svg);
        let width = WIDTH - LEFT - RIGHT;
        assert!(svg.contains(&format!("x=\"{:.1}\"", LEFT + 0.25 * width)), "{svg}");
        assert!(svg.contains("250 µs (floor 25.0 µs)"), "{svg}");
    }

    #[test]
    fn bars_are_as_long_as_their_values_and_names_are_no_markup() {
        let rows = [row("<b>", 1, 50.0), row("c", 1, 100.0)];
        let svg = Picture::bars("A & B", Scale::Time, &rows, p50).svg().unwrap();
        assert_sound(&svg);
        let whole = WIDTH - RIGHT - 4.0;
        for length in [whole, whole / 2.0] {
            assert!(svg.contains(&format!("width=\"{length:.1}\"")), "{svg}");
        }
        assert!(svg.contains("&lt;b&gt;, 1 connections: 50.0 µs"), "{svg}");
        assert!(svg.contains("<title>A &amp; B</title>") && !svg.contains("<b>"), "{svg}");
    }
}
