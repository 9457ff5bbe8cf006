//! A part of many rows, the same one every time.

/// Indices of `wanted` of `len` rows at equal distances, since files are ordered by what their rows
/// are about; all of them where there are no more.
pub fn spread(len: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let count = wanted.min(len);
    (0..count).map(move |at| (at as u128 * len as u128 / count as u128) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_spread_over_the_whole() {
        for (len, wanted, expected) in [
            (0, 0, vec![]),
            (0, 5, vec![]),
            (5, 0, vec![]),
            (3, 5, vec![0, 1, 2]),
            (10, 1, vec![0]),
            (10, 2, vec![0, 5]),
            (10, 4, vec![0, 2, 5, 7]),
        ] {
            assert_eq!(spread(len, wanted).collect::<Vec<_>>(), expected, "{wanted} of {len}");
        }
        let part: Vec<usize> = spread(usize::MAX, 3).collect();
        assert!(part.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
