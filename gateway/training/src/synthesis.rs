//! Plausible requests for functions of any catalogue, made of their names and descriptions.

use hyfunc_functions::Function;
use hyfunc_functions::types::{Field, Type};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json, json};

use crate::phrases::expand::side_by_side;

/// How often an optional parameter is given.
const OPTIONAL: f64 = 0.35;
/// How often a request asks for several values of one parameter side by side.
const SPREAD: f64 = 0.15;
/// Longest sentence that is taken from a description, in characters.
const SENTENCE_MAX: usize = 140;

/// Words in a parameter's name or meaning, and values for it. The first that fits is used.
const VALUES: [(&str, &[&str]); 34] = [
    ("email", &["anna@example.com", "bob.smith@mail.org", "sales@shop.example", "kim@lee.dev"]),
    ("url", &["https://example.com", "https://shop.example/item/7", "www.mail.org/news"]),
    ("website", &["https://example.com", "mail.org", "uni.edu"]),
    ("domain", &["example.com", "mail.org", "uni.edu", "lee.dev"]),
    ("phone", &["+1 555 0100", "555-0172", "+49 30 123456"]),
    ("zip", &["90210", "10115", "75001", "30301", "SW1A 1AA"]),
    ("postal", &["90210", "10115", "75001", "SW1A 1AA"]),
    ("timezone", &["Europe/Berlin", "UTC", "America/New_York", "Asia/Tokyo"]),
    ("date", &["2024-03-01", "2023-11-15", "2022-07-04", "2025-01-31", "tomorrow", "2024-12-24"]),
    ("time", &["15:30", "08:00", "7pm", "noon", "21:45"]),
    ("month", &["March", "July", "October", "January"]),
    ("year", &["2019", "2021", "2023", "2024"]),
    ("language", &["English", "Spanish", "German", "French", "Japanese", "en", "de", "fr"]),
    ("lang", &["en", "es", "de", "fr", "ja"]),
    ("country", &["Germany", "Brazil", "Japan", "Canada", "France", "India", "US", "Kenya"]),
    ("state", &["California", "Texas", "Bavaria", "Ohio", "New York"]),
    ("city", &["Paris", "New York", "Berlin", "Tokyo", "São Paulo", "Nairobi", "Denver", "Lyon"]),
    ("location", &["Paris", "New York", "Boston", "Sydney", "Vienna", "Cape Town", "Lima"]),
    ("address", &["12 Main Street", "221B Baker Street", "5 Rue de Rivoli"]),
    ("currency", &["USD", "EUR", "GBP", "JPY", "CHF"]),
    ("symbol", &["AAPL", "TSLA", "MSFT", "BTC", "GOOG", "ETH"]),
    ("ticker", &["AAPL", "TSLA", "MSFT", "NVDA", "AMZN"]),
    ("stock", &["AAPL", "TSLA", "MSFT", "NVDA"]),
    ("color", &["red", "blue", "dark green", "yellow", "purple"]),
    ("colour", &["red", "blue", "dark green", "yellow", "purple"]),
    ("title", &["The Great Escape", "Inception", "weekly report", "Moby Dick", "Project Alpha"]),
    ("genre", &["comedy", "jazz", "thriller", "science fiction", "rock"]),
    ("user", &["anna_k", "bob42", "janedoe", "kim.lee", "skywalker"]),
    ("query", &["summer shoes", "electric cars", "machine learning", "pasta recipes", "jazz"]),
    ("search", &["summer shoes", "electric cars", "space travel", "coffee machines"]),
    ("message", &["see you at five", "the meeting is moved", "happy birthday"]),
    ("text", &["the quick brown fox", "what a lovely day", "please read the manual"]),
    ("name", &["Anna Schmidt", "John Miller", "Priya Patel", "Kim Lee", "Marco Rossi", "Alpha"]),
    ("id", &["A1234", "78215", "ord-5567", "x9f3", "100042", "B00X4WHP5E"]),
];

/// Values for strings that nothing is known about.
const WORDS: [&str; 14] = [
    "alpha",
    "sunrise",
    "coffee",
    "garden",
    "blue whale",
    "standard",
    "premium",
    "football",
    "history",
    "new arrivals",
    "salad",
    "guitar",
    "winter",
    "robotics",
];

/// Descriptions' beginnings that say nothing.
const BOILERPLATE: [&str; 16] = [
    "this api endpoint",
    "this api",
    "this endpoint",
    "this function",
    "this method",
    "this tool",
    "this",
    "the api",
    "the function",
    "api to",
    "api for",
    "function to",
    "endpoint to",
    "allows you to",
    "used to",
    "use to",
];

/// A plausible request for a function, and the arguments of each call that it means; `None` when the function has
/// no words to ask with, or needs values that nobody says (nested objects, lists of objects).
pub fn utterance(
    function: &Function,
    rng: &mut ChaCha8Rng,
) -> Option<(String, Vec<Map<String, Json>>)> {
    let task = task(function)?;
    let mut arguments = Map::new();
    let mut parts = Vec::new();
    // A parameter that differs from call to call, and its further values.
    let mut spread: Option<(String, Vec<Json>)> = None;
    let several = rng.random_bool(SPREAD);
    for field in &function.parameters.fields {
        if !field.required && !rng.random_bool(OPTIONAL) {
            continue;
        }
        match value(field, &field.ty, rng) {
            Some((said, meant)) => {
                let further = match several && spread.is_none() {
                    true => others(field, &said, &meant, rng),
                    false => Vec::new(),
                };
                let said = match further.is_empty() {
                    true => said,
                    false => {
                        let texts =
                            std::iter::once(&said).chain(further.iter().map(|(text, _)| text));
                        let texts: Vec<&str> = texts.map(String::as_str).collect();
                        side_by_side(&texts, None, rng)
                    }
                };
                if !further.is_empty() {
                    let values = further.into_iter().map(|(_, meant)| meant).collect();
                    spread = Some((field.name.clone(), values));
                }
                parts.push(part(field, &said, &meant, rng));
                arguments.insert(field.name.clone(), meant);
            }
            None if field.required => return None,
            None => {}
        }
    }
    let mut calls = vec![arguments];
    if let Some((name, values)) = spread {
        for value in values {
            let mut further = calls[0].clone();
            further.insert(name.clone(), value);
            calls.push(further);
        }
    }
    Some((sentence(&task, &parts, rng), calls))
}

/// One or two other values of a parameter that can be said beside one; none where there are none.
fn others(field: &Field, said: &str, meant: &Json, rng: &mut ChaCha8Rng) -> Vec<(String, Json)> {
    if meant.is_boolean() || meant.is_array() || said.contains(',') {
        return Vec::new();
    }
    let wanted = if rng.random_bool(0.75) { 1 } else { 2 };
    let mut found: Vec<(String, Json)> = Vec::new();
    for _ in 0..8 * wanted {
        let Some((text, value)) = value(field, &field.ty, rng) else { break };
        // An option may be said in two ways.
        let is_new = text != said
            && value != *meant
            && found.iter().all(|(known, is)| *known != text && *is != value);
        if is_new && found.len() < wanted {
            found.push((text, value));
        }
    }
    found
}

/// What the function does, as an imperative in small letters, without a full stop.
fn task(function: &Function) -> Option<String> {
    let first = function.description.split(['\n', '\r']).find(|line| !line.trim().is_empty());
    let first = first.map(first_sentence).unwrap_or_default();
    let mut text = first.trim().trim_end_matches(['.', ':', ';', '!']).to_owned();
    for _ in 0..2 {
        text = stripped(&text);
    }
    if text.chars().count() >= 8 && text.chars().count() <= SENTENCE_MAX && text.contains(' ') {
        return Some(imperative(&text));
    }
    let name = words(&function.name);
    match name.contains(' ') && name.chars().all(|sign| sign.is_alphabetic() || sign == ' ') {
        true => Some(imperative(&name)),
        false => None,
    }
}

/// Up to the first full stop that ends a sentence.
fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..end])
}

/// Without a beginning that says nothing.
fn stripped(text: &str) -> String {
    let small = text.to_lowercase();
    for start in BOILERPLATE {
        let rest = small.strip_prefix(start).filter(|rest| rest.starts_with(' '));
        // Some letters change their length in small letters: then the cut may not fall between two.
        if let Some(rest) = rest.and_then(|_| text.get(start.len()..)) {
            return rest.trim().to_owned();
        }
    }
    text.to_owned()
}

/// `Returns the …` becomes `return the …`; other words stay.
fn imperative(text: &str) -> String {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let first = match first.chars().skip(1).any(char::is_uppercase) {
        true => first.to_owned(),
        false => first.to_lowercase(),
    };
    let verb = match first.as_str() {
        "searches" | "fetches" | "matches" | "publishes" => first[..first.len() - 2].to_owned(),
        "retrieves" | "returns" | "gets" | "finds" | "calculates" | "computes" | "creates"
        | "generates" | "converts" | "checks" | "lists" | "provides" | "determines" | "sends"
        | "adds" | "deletes" | "removes" | "updates" | "shows" | "gives" | "sets" | "plays"
        | "books" | "estimates" | "analyzes" | "translates" | "counts" | "validates" | "sorts"
        | "allows" | "looks" | "performs" | "obtains" | "solves" | "extracts" | "makes" => {
            first[..first.len() - 1].to_owned()
        }
        _ => first,
    };
    format!("{verb} {rest}").trim().to_owned()
}

/// A name as words: `get_userById` becomes `get user by id`.
fn words(name: &str) -> String {
    let mut out = String::new();
    let mut small = false;
    for sign in name.chars() {
        if "_-. /".contains(sign) {
            out.push(' ');
        } else {
            if sign.is_uppercase() && small {
                out.push(' ');
            }
            out.extend(sign.to_lowercase());
        }
        small = sign.is_lowercase() || sign.is_ascii_digit();
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value for a parameter: what is said, what is meant.
fn value(field: &Field, ty: &Type, rng: &mut ChaCha8Rng) -> Option<(String, Json)> {
    match ty {
        Type::Option(inner) => value(field, inner, rng),
        Type::Bool => {
            let on = rng.random_bool(0.6);
            Some((on.to_string(), json!(on)))
        }
        Type::Int(int) => {
            let number = whole(&field.name, rng);
            let number = i128::from(number).clamp(int.min, int.max);
            let number = i64::try_from(number).ok()?;
            Some((number.to_string(), json!(number)))
        }
        Type::Float(float) => decimal(field, float.min, float.max, rng),
        Type::Enum(cases) => {
            let case = &cases.choose(rng)?.name;
            let said = if case.contains(['-', '_']) && rng.random_bool(0.7) {
                case.replace(['-', '_'], " ")
            } else {
                case.clone()
            };
            Some((said, json!(case)))
        }
        Type::String(kind) => {
            let said = string(field, kind.format.as_deref(), rng);
            let count = said.chars().count();
            let long = kind.chars_max.is_some_and(|most| count > most as usize);
            match kind.pattern.is_some() || long || count < kind.chars_min as usize {
                true => None,
                false => Some((said.to_owned(), json!(said))),
            }
        }
        Type::List(list) => several(field, &list.element, list.len_min, list.len_max, rng),
        _ => None,
    }
}

/// Values of a list.
fn several(
    field: &Field,
    element: &Type,
    least: u32,
    most: Option<u32>,
    rng: &mut ChaCha8Rng,
) -> Option<(String, Json)> {
    if matches!(element, Type::List(_) | Type::Bool) {
        return None;
    }
    let high = most.unwrap_or(4).clamp(1, 4).max(least.min(8));
    let count = rng.random_range(least.clamp(1, high)..=high);
    if least > count {
        return None;
    }
    let (mut said, mut meant): (Vec<String>, Vec<Json>) = (Vec::new(), Vec::new());
    for _ in 0..count * 2 {
        let (text, json) = value(field, element, rng)?;
        if meant.len() < count as usize && !said.contains(&text) {
            said.push(text);
            meant.push(json);
        }
    }
    if meant.len() < least as usize {
        return None;
    }
    let text = match said.split_last() {
        Some((last, rest)) if !rest.is_empty() && rng.random_bool(0.7) => {
            format!("{} and {last}", rest.join(", "))
        }
        _ => said.join(", "),
    };
    Some((text, Json::Array(meant)))
}

/// A whole number that suits a parameter's name.
fn whole(name: &str, rng: &mut ChaCha8Rng) -> i64 {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["year"]) {
        rng.random_range(1990..2026)
    } else if has(&["month"]) {
        rng.random_range(1..13)
    } else if has(&["age", "day", "hour", "minute", "people", "guests"]) {
        rng.random_range(1..29)
    } else if has(&["limit", "count", "max", "num", "size", "top", "page", "offset"]) {
        *[1, 2, 3, 5, 10, 15, 20, 25, 50, 100].choose(rng).unwrap_or(&10)
    } else if has(&["id"]) {
        rng.random_range(100..99_999)
    } else if has(&["price", "amount", "salary", "budget", "principal"]) {
        rng.random_range(1..200) * 50
    } else {
        rng.random_range(1..200)
    }
}

/// A number that may have decimals.
fn decimal(
    field: &Field,
    min: Option<f64>,
    max: Option<f64>,
    rng: &mut ChaCha8Rng,
) -> Option<(String, Json)> {
    let name = field.name.to_lowercase();
    let (low, high) = match () {
        () if name.contains("lat") => (-60.0, 70.0),
        () if name.contains("lon") || name.contains("lng") => (-170.0, 170.0),
        () if name.contains("rate") || name.contains("percent") => (0.5, 15.0),
        () if name.contains("price") || name.contains("amount") => (5.0, 5000.0),
        () => (1.0, 120.0),
    };
    let (low, high) = (min.unwrap_or(low), max.unwrap_or(high));
    if high <= low {
        return None;
    }
    let decimals = *[0, 0, 1, 2].choose(rng).unwrap_or(&0);
    let said = format!("{:.decimals$}", rng.random_range(low..high));
    let number: f64 = said.parse().ok()?;
    if number < low || number > high {
        return None;
    }
    let meant = if number.fract() == 0.0 { json!(number as i64) } else { json!(number) };
    Some((said, meant))
}

/// A string that suits a parameter's format, name or meaning.
fn string(field: &Field, format: Option<&str>, rng: &mut ChaCha8Rng) -> &'static str {
    let fitting = |text: &str| {
        let known: Vec<&str> = text.split(' ').collect();
        let fits = |word: &str| match word.len() < 4 {
            true => known.contains(&word),
            false => known.iter().any(|known| known.starts_with(word)),
        };
        VALUES.iter().find(|(word, _)| fits(word)).map(|(_, values)| *values)
    };
    let plain = |text: &str| -> String {
        let sign = |sign: char| if sign.is_alphanumeric() { sign } else { ' ' };
        text.to_lowercase().chars().map(sign).collect()
    };
    let values = fitting(format.unwrap_or(""))
        .or_else(|| fitting(&words(&field.name)))
        .or_else(|| fitting(&plain(&field.doc)))
        .unwrap_or(&WORDS);
    values.choose(rng).unwrap_or(&"alpha")
}

/// A parameter and its value, as they are put behind a request.
fn part(field: &Field, said: &str, meant: &Json, rng: &mut ChaCha8Rng) -> String {
    let name = words(&field.name);
    if let Some(on) = meant.as_bool() {
        let name = name.strip_prefix("is ").or(name.strip_prefix("include ")).unwrap_or(&name);
        return format!("{} {name}", if on { "with" } else { "without" });
    }
    let place = ["city", "country", "location", "state", "region"];
    let place = place.iter().any(|word| name.contains(word));
    if place && meant.is_string() && rng.random_bool(0.5) {
        return format!("{} {said}", if rng.random_bool(0.8) { "in" } else { "for" });
    }
    match rng.random_range(0..10) {
        0 | 1 => format!("with {name} {said}"),
        2 => format!("for {name} {said}"),
        3 => format!("{name}: {said}"),
        4 => format!("{name} {said}"),
        5 => format!("{name} = {said}"),
        6 => format!("using {said} as the {name}"),
        7 if meant.is_string() => format!("for '{said}'"),
        8 if meant.is_string() => format!("for {said}"),
        _ => format!("with a {name} of {said}"),
    }
}

/// The whole request.
fn sentence(task: &str, parts: &[String], rng: &mut ChaCha8Rng) -> String {
    let joint = *[" ", ", ", " and ", ", "].choose(rng).unwrap_or(&" ");
    let parts = parts.join(joint);
    let tail = if parts.is_empty() { String::new() } else { format!(" {parts}") };
    let text = match rng.random_range(0..11) {
        0 => format!("please {task}{tail}"),
        1 => format!("can you {task}{tail}?"),
        2 => format!("I'd like to {task}{tail}"),
        3 => format!("could you {task}{tail} for me?"),
        4 => format!("I need you to {task}{tail}"),
        5 if !parts.is_empty() => format!("{parts}: {task}"),
        6 => format!("how can I {task}{tail}?"),
        7 => format!("I want to {task}{tail}."),
        _ => format!("{task}{tail}"),
    };
    let mut signs = text.chars();
    match signs.next() {
        // Values may stand in front: their letters stay.
        Some(first) if !text.ends_with(task) && rng.random_bool(0.5) => {
            first.to_uppercase().chain(signs).collect()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyfunc_functions::types::{FloatType, IntType, ListType, RecordType, StringType};
    use rand::SeedableRng;

    fn field(name: &str, ty: Type, required: bool) -> Field {
        Field { name: name.to_owned(), doc: String::new(), ty, required, default: None }
    }

    fn function(name: &str, description: &str, fields: Vec<Field>) -> Function {
        Function {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters: RecordType { fields },
            returns: None,
            examples: Vec::new(),
            reply: None,
            export: None,
        }
    }

    #[test]
    fn values_are_said() {
        let text = || Type::String(StringType::default());
        let list = ListType { element: Box::new(text()), len_min: 0, len_max: None };
        let fields = vec![
            field("city", text(), true),
            field("tags", Type::List(list), true),
            field("limit", Type::Int(IntType::S64), false),
            field("price", Type::Float(FloatType::default()), true),
        ];
        let shop = function("find_shops", "This API returns shops. And more.", fields);
        for seed in 0..100 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (said, calls) = utterance(&shop, &mut rng).expect("phrased");
            assert!(said.to_lowercase().contains("return shops"), "{said}");
            for arguments in &calls {
                assert!(said.contains(arguments["city"].as_str().expect("text")), "{said}");
            }
            let arguments = &calls[0];
            for tag in arguments["tags"].as_array().expect("a list") {
                assert!(said.contains(tag.as_str().expect("text")), "{said}");
            }
            let again = utterance(&shop, &mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(again, Some((said, calls)));
        }
    }

    #[test]
    fn what_nobody_says_is_refused() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(utterance(&function("x9", "", Vec::new()), &mut rng).is_none());
        let nested = field("body", Type::Record(RecordType::default()), true);
        assert!(utterance(&function("send_it", "Send it off.", vec![nested]), &mut rng).is_none());
        let named = utterance(&function("getUserName", "", Vec::new()), &mut rng);
        assert!(named.expect("phrased").0.to_lowercase().contains("get user name"));
    }
}
