//! The picture of a loss over its steps.

use std::fmt::Write as _;

/// Pixels of the picture, and of the space around the curve.
const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 320.0;
const MARGIN: f32 = 48.0;

/// Lines across, and down.
const MARKS: usize = 4;

/// A line chart of `(step, loss)`; points that are no numbers are left out.
pub(crate) fn svg(title: &str, points: &[(f32, f32)]) -> String {
    let points: Vec<(f32, f32)> =
        points.iter().copied().filter(|point| point.1.is_finite()).collect();
    let x_max = points.iter().map(|point| point.0).fold(1.0, f32::max);
    let y_max = points.iter().map(|point| point.1).fold(1e-6, f32::max);
    let x_of = |x: f32| MARGIN + x / x_max * (WIDTH - 2.0 * MARGIN);
    let y_of = |y: f32| HEIGHT - MARGIN - y / y_max * (HEIGHT - 2.0 * MARGIN);
    let mut body = String::new();
    for mark in 0..=MARKS {
        let share = mark as f32 / MARKS as f32;
        let (x, y) = (x_of(share * x_max), y_of(share * y_max));
        // Writing to a string cannot fail.
        let _ = writeln!(
            body,
            "<path d=\"M{x:.1} {MARGIN} V{bottom} M{MARGIN} {y:.1} H{right}\" stroke=\"#ddd\"/>\n\
             <text x=\"{x:.1}\" y=\"{under}\" text-anchor=\"middle\">{step:.0}</text>\n\
             <text x=\"{beside}\" y=\"{level:.1}\" text-anchor=\"end\">{loss:.2}</text>",
            bottom = HEIGHT - MARGIN,
            right = WIDTH - MARGIN,
            under = HEIGHT - MARGIN + 16.0,
            beside = MARGIN - 6.0,
            level = y + 4.0,
            step = share * x_max,
            loss = share * y_max,
        );
    }
    let mut line = String::new();
    for (x, y) in &points {
        let _ = write!(line, "{:.1},{:.1} ", x_of(*x), y_of(*y));
    }
    let last = points
        .last()
        .map_or_else(String::new, |(step, loss)| format!(": {loss:.3} at step {step}"));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{MARGIN}\" y=\"24\">{title}, loss by step{last}</text>\n{body}\
         <polyline points=\"{line}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"1.5\"/>\n</svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(svg: &str) -> Vec<(f32, f32)> {
        let line = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        let pair = |pair: &str| {
            let (x, y) = pair.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        };
        line.split_whitespace().map(pair).collect()
    }

    #[test]
    fn a_curve_falls_as_its_loss_does_and_stays_inside() {
        let svg = svg("large", &[(0.0, 4.0), (10.0, 2.0), (20.0, 1.0)]);
        let points = drawn(&svg);
        assert_eq!(points.len(), 3);
        assert_eq!(points[0], (MARGIN, MARGIN), "the highest loss is at the top");
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
        assert!(
            points.iter().all(|(x, y)| (0.0..=WIDTH).contains(x) && (0.0..=HEIGHT).contains(y))
        );
        for part in ["large, loss by step: 1.000 at step 20", ">20<", ">4.00<", ">2.00<"] {
            assert!(svg.contains(part), "`{part}` is not in {svg}");
        }
    }

    #[test]
    fn nothing_and_no_numbers_are_pictures_too() {
        for points in [vec![], vec![(0.0, f32::NAN)], vec![(0.0, 0.0)]] {
            let svg = svg("small", &points);
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
