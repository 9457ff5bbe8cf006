//! By how much more rows of data one way gets right than another does, on the same rows.

use serde_json::{Value as Json, json};

/// Quantile 0.975 of the normal distribution: intervals are of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A difference of two shares between -1 and 1 with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// What was found.
    pub share: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Rows that the one way alone gets right.
    pub gained: usize,
    /// Rows that the other alone gets right.
    pub lost: usize,
    /// All rows.
    pub count: usize,
}

impl Difference {
    /// Of two verdicts on each row, with Agresti and Min's interval for pairs (half a row is added to
    /// every kind of pair): rows on which both agree tell nothing, so that it is narrower than those
    /// of the two shares. `None` where there is no row, or not a pair of verdicts for each.
    pub fn paired(one: &[bool], other: &[bool]) -> Option<Self> {
        if one.is_empty() || one.len() != other.len() {
            return None;
        }
        let of = |kind: (bool, bool)| {
            one.iter().zip(other).filter(|(one, other)| (**one, **other) == kind).count()
        };
        let (gained, lost, count) = (of((true, false)), of((false, true)), one.len());
        let rows = count as f64 + 2.0;
        let net = gained as f64 - lost as f64;
        let (middle, share) = (net / rows, net / count as f64);
        let spread = (gained + lost) as f64 + 1.0 - net * net / rows;
        let half = Z * spread.max(0.0).sqrt() / rows;
        let low = (middle - half).clamp(-1.0, share);
        let high = (middle + half).clamp(share, 1.0);
        Some(Self { share, low, high, gained, lost, count })
    }

    /// In points of a hundred: `+6.0 [-1.5, +13.2]`.
    pub fn text(&self) -> String {
        let Self { share, low, high, .. } = self;
        format!("{:+.1} [{:+.1}, {:+.1}]", 100.0 * share, 100.0 * low, 100.0 * high)
    }

    /// `{"share", "ci95": [low, high], "gained", "lost", "of"}`.
    pub fn to_json(self) -> Json {
        let rounded = |share: f64| (share * 1e6).round() / 1e6;
        json!({
            "share": rounded(self.share),
            "ci95": [rounded(self.low), rounded(self.high)],
            "gained": self.gained,
            "lost": self.lost,
            "of": self.count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many rows that both get right, the one alone, the other alone, and none.
    fn verdicts(both: usize, one: usize, other: usize, none: usize) -> (Vec<bool>, Vec<bool>) {
        let kinds = [((true, true), both), ((true, false), one), ((false, true), other)];
        let kinds = kinds.into_iter().chain([((false, false), none)]);
        kinds.flat_map(|(kind, rows)| std::iter::repeat_n(kind, rows)).unzip()
    }

    #[test]
    fn intervals_are_of_pairs() {
        for (both, one, other, none, share, low, high) in [
            (40, 10, 4, 46, 0.06, -0.01472, 0.13236),
            (5, 0, 0, 5, 0.0, -0.16333, 0.16333),
            (0, 10, 0, 0, 1.0, 0.56662, 1.0),
        ] {
            let (one, other) = verdicts(both, one, other, none);
            let found = Difference::paired(&one, &other).unwrap();
            assert!((found.share - share).abs() < 1e-9, "{found:?}");
            assert!((found.low - low).abs() < 5e-5, "{found:?}");
            assert!((found.high - high).abs() < 5e-5, "{found:?}");
            let turned = Difference::paired(&other, &one).unwrap();
            assert!((turned.low + found.high).abs() < 1e-9, "{turned:?}");
            assert_eq!((turned.gained, turned.lost), (found.lost, found.gained));
        }
        assert_eq!(Difference::paired(&[], &[]), None);
        assert_eq!(Difference::paired(&[true], &[]), None);
    }

    #[test]
    fn differences_are_written_in_points_with_their_sign() {
        let (one, other) = verdicts(40, 10, 4, 46);
        let found = Difference::paired(&one, &other).unwrap();
        assert_eq!(found.text(), "+6.0 [-1.5, +13.2]");
        let json = found.to_json();
        assert_eq!(
            (&json["gained"], &json["lost"], &json["of"]),
            (&json!(10), &json!(4), &json!(100))
        );
    }
}
