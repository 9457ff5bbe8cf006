//! How long rows took.

use serde_json::{Value as Json, json};

/// Times of many rows, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Latency(Vec<u64>);

/// Upper ends of a picture's buckets, in milliseconds; the last bucket holds the rest.
const BUCKETS_MS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

impl Latency {
    /// Adds one row.
    pub fn add(&mut self, micros: u64) {
        self.0.push(micros);
    }

    /// Whether nothing was timed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds those of another group of rows.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// What `share` of the rows did not exceed; `None` where nothing was timed.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        quantile(&self.0, share)
    }

    /// `3.50 ms`, or `-` where nothing was timed.
    pub fn text(&self, share: f64) -> String {
        self.quantile(share).map_or_else(|| "-".to_owned(), ms)
    }

    /// `{"p50", "p95", "p99", "rows"}` in microseconds; null where nothing was timed.
    pub fn to_json(&self) -> Json {
        if self.is_empty() {
            return Json::Null;
        }
        json!({
            "p50": self.quantile(0.5),
            "p95": self.quantile(0.95),
            "p99": self.quantile(0.99),
            "rows": self.0.len(),
        })
    }

    /// Rows by how long they took, for a picture.
    pub fn buckets(&self) -> Vec<(String, usize)> {
        let mut low = 0;
        let mut buckets = Vec::with_capacity(BUCKETS_MS.len() + 1);
        for high in BUCKETS_MS {
            let within = |micros: &&u64| (low * 1000..high * 1000).contains(*micros);
            buckets.push((format!("{low} to {high} ms"), self.0.iter().filter(within).count()));
            low = high;
        }
        let rest = self.0.iter().filter(|micros| **micros >= low * 1000).count();
        buckets.push((format!("{low} ms and more"), rest));
        buckets
    }
}

/// What `share` of the values does not exceed, by nearest rank.
pub fn quantile(values: &[u64], share: f64) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Microseconds for people: `12.34 ms`.
pub fn ms(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        for (values, share, expected) in [
            (vec![], 0.5, None),
            (vec![7], 0.0, Some(7)),
            (vec![7], 0.95, Some(7)),
            (vec![3, 1, 2], 0.5, Some(2)),
            (vec![4, 3, 2, 1], 0.5, Some(2)),
            ((1..=100).collect(), 0.95, Some(95)),
            ((1..=100).collect(), 1.0, Some(100)),
        ] {
            assert_eq!(quantile(&values, share), expected, "{values:?} {share}");
        }
    }

    #[test]
    fn every_row_is_in_one_bucket() {
        let mut latency = Latency::default();
        assert_eq!((latency.text(0.5), latency.to_json()), ("-".to_owned(), Json::Null));
        for micros in [0, 999, 1_000, 4_999, 5_000, 999_999, 1_000_000, u64::MAX] {
            latency.add(micros);
        }
        let buckets = latency.buckets();
        assert_eq!(buckets.iter().map(|(_, count)| count).sum::<usize>(), 8);
        assert_eq!(buckets[0], ("0 to 1 ms".to_owned(), 2));
        assert_eq!(buckets[3], ("5 to 10 ms".to_owned(), 1));
        assert_eq!(buckets.last(), Some(&("1000 ms and more".to_owned(), 2)));
        assert_eq!(latency.text(0.0), "0.00 ms");
        assert_eq!(ms(1_234), "1.23 ms");
    }
}
