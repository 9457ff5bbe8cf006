//! A part of many rows, the same one every time.

/// Indices of `wanted` of `len` rows at equal distances, since files are ordered by what their rows
/// are about; all of them where there are no more.
pub fn spread(len: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let count = wanted.min(len);
    (0..count).map(move |at| (at as u128 * len as u128 / count as u128) as usize)
}

/// Whether a name belongs to the one in so many that is kept apart. The name alone decides, so that every
/// run keeps the same ones apart.
pub fn is_apart(name: &str, every: u64) -> bool {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32).is_multiple_of(every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_in_so_many_names_is_kept_apart() {
        for every in [1, 10, 40] {
            let apart = (0..10_000).filter(|at| is_apart(&format!("plugin{at}"), every)).count();
            let expected = 10_000 / every as usize;
            assert!(apart.abs_diff(expected) <= expected / 4, "{apart} of one in {every}");
        }
    }

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
