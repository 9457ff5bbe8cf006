//! Random passwords.

use crate::bindings::exports::hyfunc::text::passwords::Characters;

/// Length when none is asked for.
const LENGTH_DEFAULT: u8 = 16;

const KINDS: [(Characters, &str); 4] = [
    (Characters::LOWERCASE, "abcdefghijklmnopqrstuvwxyz"),
    (Characters::UPPERCASE, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (Characters::DIGITS, "0123456789"),
    (Characters::SYMBOLS, "!#$%&()*+-./:;<=>?@[]^_{|}~"),
];

/// One secure random byte of the system.
///
/// # Errors
/// When the system has none.
pub fn system() -> Result<u8, String> {
    let mut byte = [0];
    getrandom::fill(&mut byte)
        .map_err(|error| format!("the system gave no random number: {error}; try again"))?;
    Ok(byte[0])
}

/// A password that holds every kind of character asked for at least once.
///
/// # Errors
/// When it is too short to hold every kind, no kind is asked for, or the source fails.
pub fn generate(
    length: Option<u8>,
    kinds: Option<Characters>,
    mut source: impl FnMut() -> Result<u8, String>,
) -> Result<String, String> {
    let kinds = kinds.unwrap_or(Characters::all());
    let length = usize::from(length.unwrap_or(LENGTH_DEFAULT));
    let sets: Vec<&str> =
        KINDS.iter().filter(|(kind, _)| kinds.contains(*kind)).map(|(_, set)| *set).collect();
    if sets.is_empty() {
        return Err(
            "no kind of character is asked for; name at least one, such as lowercase".to_owned()
        );
    }
    if length < sets.len() {
        return Err(format!(
            "{length} characters cannot hold {} kinds of characters; ask for a longer password or fewer kinds",
            sets.len()
        ));
    }
    let alphabet: Vec<char> = sets.concat().chars().collect();
    // Drawing again until every kind is there keeps all such passwords equally likely. Four
    // kinds in four characters take some thirty rounds; failing all of these is beyond chance.
    for _ in 0..100_000 {
        let mut password = String::with_capacity(length);
        for _ in 0..length {
            password.push(alphabet[below(alphabet.len(), &mut source)?]);
        }
        if sets.iter().all(|set| password.contains(|letter| set.contains(letter))) {
            return Ok(password);
        }
    }
    Err("the system's random numbers do not vary; try again later".to_owned())
}

/// A number below `count` (at most 256), every one equally likely.
fn below(count: usize, source: &mut impl FnMut() -> Result<u8, String>) -> Result<usize, String> {
    let last_round = 256 / count * count;
    loop {
        let drawn = usize::from(source()?);
        if drawn < last_round {
            return Ok(drawn % count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_asked_for() {
        let cases = [
            (None, None, 16, KINDS.len()),
            (Some(4), None, 4, 4),
            (Some(255), Some(Characters::SYMBOLS), 255, 1),
            (Some(12), Some(Characters::LOWERCASE | Characters::DIGITS), 12, 2),
            (Some(1), Some(Characters::DIGITS), 1, 1),
        ];
        for (length, include, expected, kinds) in cases {
            let password = generate(length, include, system).expect("enough room");
            assert_eq!(password.len(), expected);
            let held = KINDS
                .iter()
                .filter(|(_, set)| password.contains(|letter| set.contains(letter)))
                .count();
            assert_eq!(held, kinds, "{password}");
        }
    }

    #[test]
    fn differs_every_time() {
        assert_ne!(generate(None, None, system), generate(None, None, system));
    }

    #[test]
    fn no_character_is_favored() {
        let mut byte = 0_u8;
        let mut counts = [0; 10];
        for _ in 0..250 {
            let digit = below(10, &mut || {
                byte = byte.wrapping_add(1);
                Ok(byte)
            });
            counts[digit.expect("the source never fails")] += 1;
        }
        assert_eq!(counts, [25; 10]);
    }

    #[test]
    fn refuses_what_cannot_be() {
        assert!(generate(Some(3), None, system).expect_err("short").contains("longer password"));
        assert!(generate(Some(0), Some(Characters::DIGITS), system).is_err());
        assert!(
            generate(None, Some(Characters::empty()), system)
                .expect_err("none")
                .contains("at least one")
        );
        assert!(generate(None, None, || Ok(0)).expect_err("stuck").contains("do not vary"));
        assert!(generate(None, None, || Err("dry".to_owned())).is_err());
    }
}
