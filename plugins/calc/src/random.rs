//! Random whole numbers.

/// Eight random bytes of the system.
///
/// # Errors
/// When the system has none.
pub fn system() -> Result<u64, String> {
    getrandom::u64()
        .map_err(|error| format!("the system gave no random number: {error}; try again"))
}

/// A whole number from `smallest` to `largest`, every one equally likely.
///
/// # Errors
/// When the range is empty or the source fails.
pub fn within(
    smallest: i64,
    largest: i64,
    mut source: impl FnMut() -> Result<u64, String>,
) -> Result<i64, String> {
    let last = u64::try_from(i128::from(largest) - i128::from(smallest)).map_err(|_| {
        format!("the range from {smallest} to {largest} is empty; put the smaller number first")
    })?;
    let offset = match last.checked_add(1) {
        None => source()?,
        Some(count) => {
            // The last, incomplete round of `count` values would favor the small ones.
            let rest = (u64::MAX % count + 1) % count;
            loop {
                let drawn = source()?;
                if drawn <= u64::MAX - rest {
                    break drawn % count;
                }
            }
        }
    };
    Ok(smallest.wrapping_add_unsigned(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_the_range_and_reaches_all_of_it() {
        let mut seen = [false; 6];
        let mut counter = 0;
        for _ in 0..60 {
            let number = within(1, 6, || {
                counter += 1;
                Ok(counter)
            });
            let number = number.expect("the source never fails");
            seen[usize::try_from(number - 1).expect("from 1 to 6")] = true;
        }
        assert_eq!(seen, [true; 6]);
    }

    #[test]
    fn takes_the_whole_range_and_single_numbers() {
        assert_eq!(within(i64::MIN, i64::MAX, || Ok(0)), Ok(i64::MIN));
        assert_eq!(within(i64::MIN, i64::MAX, || Ok(u64::MAX)), Ok(i64::MAX));
        assert_eq!(within(7, 7, || Ok(12_345)), Ok(7));
    }

    #[test]
    fn draws_again_where_the_last_round_is_incomplete() {
        let mut draws = vec![4, u64::MAX];
        assert_eq!(within(0, 9, || draws.pop().ok_or("empty".to_owned())), Ok(4));
    }

    #[test]
    fn refuses_an_empty_range() {
        assert!(within(10, 1, || Ok(0)).expect_err("empty").contains("smaller number first"));
    }

    #[test]
    fn the_system_has_numbers() {
        assert_ne!(system(), system());
    }
}
