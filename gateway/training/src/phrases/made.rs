//! Values that are made up: numbers in the ways people write them, times, base64.
//!
//! `int(a,b)`: a whole number, now and then in words; `dig(a,b)`: the same in digits only;
//! `pad(a,b)`: two digits; `ord(a,b)`: `1st`, `22nd`; `neg(a,b)`: said as it is, meant below zero;
//! `num(a,b)`: a number that may have decimals; `money(a,b)`: an amount, with or without a
//! currency; `clock()`: a time of day as hour and minute; `base64()`: encoded text.

use hyfunc_cascade::lexicon::{TENS, UNDER_TWENTY};
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value as Json, json};

/// A value to be made up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Made {
    /// A whole number.
    Int(i64, i64),
    /// A whole number in digits.
    Digits(i64, i64),
    /// Two digits.
    Padded(i64, i64),
    /// A number in an order.
    Ordinal(i64, i64),
    /// A whole number that is meant below zero.
    Negative(i64, i64),
    /// A number.
    Number(i64, i64),
    /// An amount of money.
    Money(i64, i64),
    /// A time of day.
    Clock,
    /// Encoded text.
    Base64,
}

/// Texts to encode.
const SECRETS: [&str; 24] = [
    "hello",
    "hello world",
    "meet me at nine",
    "password123",
    "the cake is a lie",
    "OK",
    "yes",
    "admin:admin",
    "see you soon",
    "Top secret!",
    "open sesame",
    "Grüße aus Köln",
    "42",
    "user:letmein",
    "Happy birthday, Sam",
    "follow the white rabbit",
    "{\"id\": 7}",
    "cheese",
    "no reply needed",
    "Lorem ipsum dolor sit amet",
    "token=abc",
    "room 101",
    "call home",
    "a b c",
];

impl Made {
    /// Reads `name(a,b)`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, bounds) = text.split_once('(').ok_or("a `(` is missing")?;
        let bounds = bounds.trim().strip_suffix(')').ok_or("a `)` is missing")?;
        match name {
            "clock" => return Ok(Self::Clock),
            "base64" => return Ok(Self::Base64),
            _ => {}
        }
        let (low, high) = bounds.split_once(',').ok_or("two bounds are needed")?;
        let bound =
            |text: &str| text.trim().parse::<i64>().map_err(|_| format!("`{text}`: no number"));
        let (low, high) = (bound(low)?, bound(high)?);
        if low > high {
            return Err(format!("{low} is above {high}"));
        }
        match name {
            "int" => Ok(Self::Int(low, high)),
            "dig" => Ok(Self::Digits(low, high)),
            "pad" => Ok(Self::Padded(low, high)),
            "ord" => Ok(Self::Ordinal(low, high)),
            "neg" => Ok(Self::Negative(low, high)),
            "num" => Ok(Self::Number(low, high)),
            "money" => Ok(Self::Money(low, high)),
            _ => Err(format!("nobody can make up `{name}`")),
        }
    }

    /// What is said and what is meant.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> (String, Json) {
        match self {
            Self::Int(low, high) => int(whole(*low, *high, rng), rng),
            Self::Digits(low, high) => {
                let number = rng.random_range(*low..=*high);
                (number.to_string(), json!(number))
            }
            Self::Padded(low, high) => {
                let text = format!("{:02}", rng.random_range(*low..=*high));
                (text.clone(), json!(text))
            }
            Self::Ordinal(low, high) => {
                let text = ordinal(rng.random_range(*low..=*high));
                (text.clone(), json!(text))
            }
            Self::Negative(low, high) => {
                let number = whole(*low, *high, rng);
                (int(number, rng).0, json!(-number))
            }
            Self::Number(low, high) => number(*low, *high, rng),
            Self::Money(low, high) => money(*low, *high, rng),
            Self::Clock => clock(rng),
            Self::Base64 => {
                let text = base64(SECRETS.choose(rng).unwrap_or(&"hello").as_bytes());
                (text.clone(), json!(text))
            }
        }
    }
}

/// A whole number; a round one more often than not where the range is wide.
fn whole(low: i64, high: i64, rng: &mut impl Rng) -> i64 {
    let number = rng.random_range(low..=high);
    let step = match high.saturating_sub(low) {
        0..=40 => 1,
        41..=999 => *[1, 5, 10].choose(rng).unwrap_or(&1),
        _ if number.abs() >= 20_000 => *[1, 500, 1_000, 5_000].choose(rng).unwrap_or(&1),
        _ if number.abs() >= 1_000 => *[1, 10, 50, 100].choose(rng).unwrap_or(&1),
        _ => *[1, 5, 10, 50].choose(rng).unwrap_or(&1),
    };
    (number - number % step).clamp(low, high)
}

/// A whole number as people write it.
fn int(number: i64, rng: &mut impl Rng) -> (String, Json) {
    let said = match number {
        12 if rng.random_bool(0.03) => "a dozen".to_owned(),
        0..=99 if rng.random_bool(0.22) => words(number, rng),
        100 if rng.random_bool(0.1) => "a hundred".to_owned(),
        1000.. if rng.random_bool(0.25) => grouped(number),
        _ => number.to_string(),
    };
    (said, json!(number))
}

/// A number below one hundred in words.
fn words(number: i64, rng: &mut impl Rng) -> String {
    let number = usize::try_from(number).unwrap_or(0).min(99);
    if number < 20 {
        return UNDER_TWENTY[number].to_owned();
    }
    match (number / 10, number % 10) {
        (tens, 0) => TENS[tens - 2].to_owned(),
        (tens, ones) => {
            let between = if rng.random_bool(0.6) { "-" } else { " " };
            format!("{}{between}{}", TENS[tens - 2], UNDER_TWENTY[ones])
        }
    }
}

/// Digits in groups of three.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut said = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    if number < 0 { format!("-{said}") } else { said }
}

/// `1st`, `12th`, `23rd`.
fn ordinal(number: i64) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// The JSON number that digits spell: whole where nothing but zeros is behind the point.
fn spelled(digits: &str) -> Json {
    let number: f64 = digits.parse().unwrap_or(0.0);
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => json!(number as i64),
        false => json!(number),
    }
}

/// A number that may have decimals.
fn number(low: i64, high: i64, rng: &mut impl Rng) -> (String, Json) {
    if low == high || rng.random_bool(0.55) {
        return int(whole(low, high, rng), rng);
    }
    let decimals = *[1, 1, 2].choose(rng).unwrap_or(&1);
    let said = format!("{:.decimals$}", rng.random_range(low as f64..high as f64));
    let meant = spelled(&said);
    (said, meant)
}

/// An amount of money.
fn money(low: i64, high: i64, rng: &mut impl Rng) -> (String, Json) {
    let amount = whole(low, high, rng);
    let (said, meant) = if high <= 2000 && rng.random_bool(0.5) {
        let said = format!("{amount}.{:02}", rng.random_range(0..100));
        let meant = spelled(&said);
        (said, meant)
    } else if amount >= 1000 && amount % 1000 == 0 && rng.random_bool(0.15) {
        (format!("{}k", amount / 1000), json!(amount))
    } else if amount >= 1000 && rng.random_bool(0.4) {
        (grouped(amount), json!(amount))
    } else {
        (amount.to_string(), json!(amount))
    };
    let said = match rng.random_range(0..20) {
        0..=3 => format!("${said}"),
        4 | 5 => format!("€{said}"),
        6 => format!("£{said}"),
        7 | 8 => format!("{said} dollars"),
        9 => format!("{said} euros"),
        10 => format!("{said} bucks"),
        _ => said,
    };
    (said, meant)
}

/// A time of day and its hour and minute.
fn clock(rng: &mut impl Rng) -> (String, Json) {
    let hour: i64 = rng.random_range(0..24);
    let minute: i64 = *[0, 0, 0, 15, 30, 30, 45, 5, 10, 20, 40, 50, 55].choose(rng).unwrap_or(&0);
    let (twelve, half) =
        (if hour % 12 == 0 { 12 } else { hour % 12 }, if hour < 12 { "am" } else { "pm" });
    let part = match hour {
        0..=11 => "in the morning",
        12..=17 => "in the afternoon",
        _ => "in the evening",
    };
    let said = match (rng.random_range(0..10), minute) {
        (0, _) if hour == 12 && minute == 0 => "noon".to_owned(),
        (0 | 1, 0) => format!("{twelve} {half}"),
        (2 | 3, 0) => format!("{twelve}{half}"),
        (4, 0) if hour > 0 => format!("{} o'clock {part}", UNDER_TWENTY[twelve as usize]),
        (4, 30) if hour > 0 => format!("half past {} {part}", UNDER_TWENTY[twelve as usize]),
        (4, 15) if hour > 0 => format!("quarter past {} {part}", UNDER_TWENTY[twelve as usize]),
        (5 | 6, _) => format!("{twelve}:{minute:02} {half}"),
        (7, _) => format!("{twelve}:{minute:02}{half}"),
        (8, _) => format!("{hour}:{minute:02}"),
        _ => format!("{hour:02}:{minute:02}"),
    };
    (said, json!([hour, minute]))
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            match index <= chunk.len() {
                true => out.push(char::from(SIGNS[(bits >> (18 - 6 * index) & 63) as usize])),
                false => out.push('='),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn base64_is_padded() {
        assert_eq!(base64(b"hello world"), "aGVsbG8gd29ybGQ=");
        assert_eq!(base64(b"secret"), "c2VjcmV0");
        assert_eq!(base64(b"a"), "YQ==");
    }

    #[test]
    fn numbers_are_in_range() {
        for seed in 0..300 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let (said, meant) = Made::Int(3, 9).draw(&mut rng);
            assert!((3..=9).contains(&meant.as_i64().expect("whole")), "{said}");
            let (said, meant) = Made::Negative(5, 60).draw(&mut rng);
            assert!((-60..=-5).contains(&meant.as_i64().expect("whole")), "{said}");
            let (said, meant) = Made::Money(1000, 900_000).draw(&mut rng);
            assert!(meant.as_i64().is_some_and(|it| (1000..=900_000).contains(&it)), "{said}");
            let (_, meant) = Made::Clock.draw(&mut rng);
            assert!(meant[0].as_u64().is_some_and(|hour| hour < 24));
        }
    }

    #[test]
    fn orders_end_right() {
        let said: Vec<String> = [1, 2, 3, 11, 22].into_iter().map(ordinal).collect();
        assert_eq!(said, ["1st", "2nd", "3rd", "11th", "22nd"]);
    }
}
