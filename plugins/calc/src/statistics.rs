//! What lists of numbers look like.

use crate::bindings::exports::hyfunc::calc::statistics::Summary;

/// Sum, mean, median, bounds and spread.
///
/// # Errors
/// When the list is empty or its sum is not finite.
pub fn summarize(numbers: &[f64]) -> Result<Summary, String> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(smallest), Some(largest)) = (sorted.first(), sorted.last()) else {
        return Err("there are no numbers to summarize; give at least one".to_owned());
    };
    let count =
        u32::try_from(numbers.len()).map_err(|_| "too many numbers; give fewer".to_owned())?;
    let sum: f64 = numbers.iter().sum();
    let mean = sum / f64::from(count);
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    if !squares.is_finite() {
        return Err("these numbers are too large to add up; give smaller ones".to_owned());
    }
    let middle = sorted.len() / 2;
    let median = if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    };
    let deviation = if count > 1 { (squares / f64::from(count - 1)).sqrt() } else { 0.0 };
    Ok(Summary { count, sum, mean, median, smallest: *smallest, largest: *largest, deviation })
}

/// Pearson's correlation of two lists, from -1 to 1.
///
/// # Errors
/// When the lists differ in length, hold fewer than two numbers, or one of them does not vary.
pub fn correlation(first: &[f64], second: &[f64]) -> Result<f64, String> {
    if first.len() != second.len() {
        return Err(format!(
            "the lists hold {} and {} numbers; give two lists of the same length",
            first.len(),
            second.len()
        ));
    }
    if first.len() < 2 {
        return Err("a correlation takes at least two numbers in each list".to_owned());
    }
    let (mean_first, mean_second) = (summarize(first)?.mean, summarize(second)?.mean);
    let (mut both, mut one, mut other) = (0.0, 0.0, 0.0);
    for (a, b) in first.iter().zip(second) {
        let (a, b) = (a - mean_first, b - mean_second);
        both += a * b;
        one += a * a;
        other += b * b;
    }
    let correlation = both / (one.sqrt() * other.sqrt());
    if correlation.is_finite() {
        Ok(correlation.clamp(-1.0, 1.0))
    } else {
        Err("all numbers of a list are the same, so nothing correlates with it; give numbers that vary".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summarizes() {
        let summary = summarize(&[4.0, 8.0, 15.0, 16.0, 23.0, 42.0]).expect("six numbers");
        assert_eq!(
            (summary.count, summary.sum, summary.mean, summary.median),
            (6, 108.0, 18.0, 15.5)
        );
        assert_eq!((summary.smallest, summary.largest), (4.0, 42.0));
        assert!((summary.deviation - 13.490_737_563_232_042).abs() < 1e-12);
        let single = summarize(&[-3.5]).expect("one number");
        assert_eq!((single.median, single.deviation), (-3.5, 0.0));
    }

    #[test]
    fn correlates() {
        let up = correlation(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]).expect("varies");
        let down = correlation(&[1.0, 2.0, 3.0], &[5.0, 4.0, 3.0]).expect("varies");
        assert!((up - 1.0).abs() < 1e-12 && (down + 1.0).abs() < 1e-12);
        let weak = correlation(&[1.0, 2.0, 3.0, 4.0], &[2.0, 4.0, 6.0, 9.0]).expect("varies");
        assert!((weak - 0.994_376_7).abs() < 1e-6, "{weak}");
    }

    #[test]
    fn refuses_what_has_no_answer() {
        assert!(summarize(&[]).expect_err("empty").contains("at least one"));
        assert!(summarize(&[f64::MAX, f64::MAX]).is_err());
        assert!(correlation(&[1.0], &[1.0, 2.0]).expect_err("lengths").contains("same length"));
        assert!(correlation(&[1.0], &[1.0]).is_err());
        assert!(correlation(&[2.0, 2.0], &[1.0, 2.0]).expect_err("flat").contains("vary"));
    }
}
