//! A share of rows, and how sure it is.

use serde_json::{Value as Json, json};

/// Quantile 0.975 of the normal distribution: intervals are of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A share between 0 and 1 with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// What was found.
    pub share: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Rows that it is of.
    pub count: usize,
}

impl Estimate {
    /// `part` of `count` rows, with Wilson's score interval; `None` where there is no row.
    pub fn of(part: usize, count: usize) -> Option<Self> {
        Self::of_sum(part as f64, count)
    }

    /// The same where each row counts for a value between 0 and 1, `sum` in all. Such values vary
    /// less than hits and misses with the same mean, so the interval is rather too wide than too
    /// narrow.
    pub fn of_sum(sum: f64, count: usize) -> Option<Self> {
        if count == 0 {
            return None;
        }
        let rows = count as f64;
        let share = (sum.max(0.0) / rows).min(1.0);
        let weight = Z * Z / rows;
        let middle = (share + weight / 2.0) / (1.0 + weight);
        let spread = share * (1.0 - share) / rows + weight / (4.0 * rows);
        let half = Z / (1.0 + weight) * spread.sqrt();
        // Rounding must not push an end past the share itself.
        let low = (middle - half).clamp(0.0, share);
        let high = (middle + half).clamp(share, 1.0);
        Some(Self { share, low, high, count })
    }

    /// The mean of independent shares, each with the same weight: intervals are combined by their
    /// distances from the shares (Zou and Donner's MOVER). `None` where there is none.
    pub fn mean(parts: &[Self]) -> Option<Self> {
        if parts.is_empty() {
            return None;
        }
        let len = parts.len() as f64;
        let share = parts.iter().map(|part| part.share).sum::<f64>() / len;
        let below: f64 = parts.iter().map(|part| (part.share - part.low).powi(2)).sum();
        let above: f64 = parts.iter().map(|part| (part.high - part.share).powi(2)).sum();
        Some(Self {
            share,
            low: (share - below.sqrt() / len).max(0.0),
            high: (share + above.sqrt() / len).min(1.0),
            count: parts.iter().map(|part| part.count).sum(),
        })
    }

    /// `66.7 % [20.8, 93.9]`; nothing of nothing is `-`.
    pub fn text(estimate: Option<Self>) -> String {
        estimate.map_or_else(
            || "-".to_owned(),
            |Self { share, low, high, .. }| {
                format!("{:.1} % [{:.1}, {:.1}]", 100.0 * share, 100.0 * low, 100.0 * high)
            },
        )
    }

    /// `{"share", "ci95": [low, high], "of"}`; nothing of nothing is null.
    pub fn json(estimate: Option<Self>) -> Json {
        estimate.map_or(Json::Null, |Self { share, low, high, count }| {
            json!({"share": rounded(share), "ci95": [rounded(low), rounded(high)], "of": count})
        })
    }
}

/// To six decimals: more says nothing about rows that were counted.
fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        for (part, count, low, high) in [
            (0, 1, 0.0, 0.7935),
            (1, 1, 0.2065, 1.0),
            (1, 2, 0.0945, 0.9055),
            (2, 3, 0.2077, 0.9385),
            (0, 10, 0.0, 0.2775),
            (8, 10, 0.4902, 0.9433),
            (10, 10, 0.7225, 1.0),
            (400, 1000, 0.3701, 0.4307),
        ] {
            let found = Estimate::of(part, count).unwrap();
            assert_eq!(found.count, count);
            assert!((found.share - part as f64 / count as f64).abs() < 1e-12);
            assert!((found.low - low).abs() < 5e-5, "{part} of {count}: {found:?}");
            assert!((found.high - high).abs() < 5e-5, "{part} of {count}: {found:?}");
        }
        assert_eq!(Estimate::of(0, 0), None);
    }

    #[test]
    fn an_interval_holds_its_share_and_narrows_with_rows() {
        for share in [0.0, 0.1, 0.5, 0.999, 1.0] {
            let mut before = f64::INFINITY;
            for count in [1usize, 7, 100, 10_000] {
                let found = Estimate::of_sum(share * count as f64, count).unwrap();
                assert!(found.low <= found.share && found.share <= found.high, "{found:?}");
                assert!((0.0..=1.0).contains(&found.low) && (0.0..=1.0).contains(&found.high));
                assert!(found.high - found.low < before);
                before = found.high - found.low;
            }
        }
        // Sums that rounding or a fault has pushed out of bounds stay shares.
        for sum in [-1.0, f64::NAN, 5.0] {
            let found = Estimate::of_sum(sum, 4).unwrap();
            assert!((0.0..=1.0).contains(&found.share), "{sum}: {found:?}");
        }
    }

    #[test]
    fn a_mean_of_shares_is_surer_than_each() {
        let one = Estimate::of(40, 100).unwrap();
        let other = Estimate::of(60, 100).unwrap();
        let mean = Estimate::mean(&[one, other]).unwrap();
        assert!((mean.share - 0.5).abs() < 1e-12);
        assert_eq!(mean.count, 200);
        assert!(mean.high - mean.low < one.high - one.low);
        assert_eq!(Estimate::mean(&[]), None);
        let alone = Estimate::mean(&[one]).unwrap();
        assert!((alone.low - one.low).abs() < 1e-12 && (alone.high - one.high).abs() < 1e-12);
    }

    #[test]
    fn estimates_are_written_for_people_and_programs() {
        assert_eq!(Estimate::text(Estimate::of(2, 3)), "66.7 % [20.8, 93.9]");
        assert_eq!(Estimate::text(None), "-");
        assert_eq!(Estimate::json(None), Json::Null);
        let json = Estimate::json(Estimate::of(0, 1));
        assert_eq!(json["share"], json!(0.0));
        assert_eq!(json["of"], json!(1));
        assert_eq!(json["ci95"][0], json!(0.0));
    }
}
