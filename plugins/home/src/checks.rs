//! Bounds of what can be set. Errors are sentences that say what to do.

use crate::bindings::exports::hyfunc::home::rooms::{LightSettings, Source};

const ROOM_CHARS_MAX: usize = 40;
const ROOMS_MAX: usize = 20;
const SOURCE_CHARS_MAX: usize = 120;
const DEGREES_MIN: f32 = 5.0;
const DEGREES_MAX: f32 = 35.0;

/// What a room is called: lower case, single spaces, no article.
pub fn room(name: &str) -> Result<String, String> {
    let folded = name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let room = ["the ", "my ", "our "]
        .iter()
        .find_map(|article| folded.strip_prefix(article))
        .unwrap_or(&folded);
    match room.chars().count() {
        0 => Err("no room was named: say which, such as `kitchen`".into()),
        chars if chars > ROOM_CHARS_MAX => Err(format!(
            "the name of the room has {chars} characters: use at most {ROOM_CHARS_MAX}"
        )),
        _ => Ok(room.into()),
    }
}

/// The rooms of a plan, each once.
pub fn rooms(names: Vec<String>) -> Result<Vec<String>, String> {
    if names.len() > ROOMS_MAX {
        return Err(format!(
            "{} rooms are too many for one plan: name at most {ROOMS_MAX}, or none for every room",
            names.len()
        ));
    }
    let mut rooms: Vec<String> = Vec::new();
    for name in names {
        let room = room(&name)?;
        if !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    Ok(rooms)
}

/// A light can be lit at 1 to 100 percent.
pub fn light(settings: LightSettings) -> Result<LightSettings, String> {
    match settings.brightness {
        Some(0) if settings.on => {
            Err("a light that is on cannot have a brightness of 0 %: switch it off instead".into())
        }
        Some(percent @ 101..) => {
            Err(format!("a brightness of {percent} % is too much: use 1 to 100"))
        }
        _ => Ok(settings),
    }
}

/// Degrees Celsius.
pub fn degrees(degrees: f32) -> Result<f32, String> {
    if (DEGREES_MIN..=DEGREES_MAX).contains(&degrees) {
        return Ok(degrees);
    }
    Err(format!("{degrees} °C cannot be set: use {DEGREES_MIN} to {DEGREES_MAX} degrees Celsius"))
}

/// Percent.
pub fn volume(percent: u8) -> Result<u8, String> {
    if percent > 100 {
        return Err(format!("a volume of {percent} % is too much: use 0 to 100"));
    }
    Ok(percent)
}

/// Percent to add.
pub fn change(percent: i8) -> Result<i8, String> {
    if !(-100..=100).contains(&percent) {
        return Err(format!("the volume cannot change by {percent} %: use -100 to 100"));
    }
    Ok(percent)
}

/// A playlist and a station need a name.
pub fn source(source: Source) -> Result<Source, String> {
    let name = match &source {
        Source::Playlist(name) | Source::Radio(name) => name.trim(),
        Source::Stop => return Ok(source),
    };
    match name.chars().count() {
        0 => Err("nothing was named that could be played: name a playlist or a station".into()),
        chars if chars > SOURCE_CHARS_MAX => Err(format!(
            "the name of what to play has {chars} characters: use at most {SOURCE_CHARS_MAX}"
        )),
        _ => Ok(source),
    }
}

/// Hour and minute.
pub fn start((hour, minute): (u8, u8)) -> Result<(u8, u8), String> {
    if hour > 23 || minute > 59 {
        return Err(format!("{hour}:{minute:02} is no time of day: use 0:00 to 23:59"));
    }
    Ok((hour, minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_have_one_name() {
        for (name, expected) in [
            ("Kitchen", "kitchen"),
            ("  the  Living\tRoom ", "living room"),
            ("my office", "office"),
            ("Küche", "küche"),
        ] {
            assert_eq!(room(name).as_deref(), Ok(expected));
        }
        for name in ["", "   ", &"x".repeat(ROOM_CHARS_MAX + 1)] {
            assert!(room(name).is_err(), "{name}");
        }
        assert!(room(&"x".repeat(ROOM_CHARS_MAX)).is_ok());
        let twice = rooms(vec!["Kitchen".into(), "the kitchen".into(), "hall".into()]);
        assert_eq!(twice, Ok(vec!["kitchen".into(), "hall".into()]));
        assert!(rooms(vec!["hall".into(); ROOMS_MAX + 1]).is_err());
    }

    #[test]
    fn bounds() {
        for (value, fits) in [
            (5.0, true),
            (35.0, true),
            (4.9, false),
            (35.1, false),
            (f32::NAN, false),
            (f32::INFINITY, false),
        ] {
            assert_eq!(degrees(value).is_ok(), fits, "{value}");
        }
        for (value, fits) in [((0, 0), true), ((23, 59), true), ((24, 0), false), ((12, 60), false)]
        {
            assert_eq!(start(value).is_ok(), fits, "{value:?}");
        }
        for (value, fits) in [(0, true), (100, true), (101, false), (255, false)] {
            assert_eq!(volume(value).is_ok(), fits, "{value}");
        }
        for (value, fits) in [(-128, false), (-100, true), (100, true), (101, false)] {
            assert_eq!(change(value).is_ok(), fits, "{value}");
        }
        for (on, brightness, fits) in [
            (true, None, true),
            (true, Some(0), false),
            (false, Some(0), true),
            (true, Some(100), true),
            (true, Some(101), false),
        ] {
            assert_eq!(
                light(LightSettings { on, brightness, colour: None }).is_ok(),
                fits,
                "{on} {brightness:?}"
            );
        }
        for (value, fits) in [
            (Source::Stop, true),
            (Source::Radio("FM4".into()), true),
            (Source::Playlist(" ".into()), false),
            (Source::Radio("x".repeat(121)), false),
        ] {
            assert_eq!(source(value.clone()).is_ok(), fits, "{value:?}");
        }
    }
}
