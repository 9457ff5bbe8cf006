//! Scenes: many settings at once.

use crate::bindings::exports::hyfunc::home::rooms::{
    Climate, ClimateMode, Colour, Doors, LightSettings, Scene, Source,
};
use crate::rooms;
use crate::shelf::Shelf;

/// The room that a scene sets when nothing was ever set in another.
const MAIN_ROOM: &str = "living room";

/// What a scene sets.
struct Settings {
    /// In every known room rather than in the main room alone.
    everywhere: bool,
    light: LightSettings,
    climate: Option<Climate>,
    media: Option<(Source, Option<u8>)>,
    lock: bool,
}

/// Sets all that belongs to a scene, and tells each thing with what it was set to.
///
/// # Errors
/// When the store cannot be read or written; what was set before that stays.
pub fn run(shelf: &impl Shelf, scene: Scene) -> Result<Vec<(String, String)>, String> {
    let settings = settings(scene);
    let mut names = if settings.everywhere { rooms::known(shelf)? } else { Default::default() };
    names.insert(MAIN_ROOM.into());
    let mut changed = Vec::new();
    for room in &names {
        rooms::set_light(shelf, room, &settings.light)?;
        changed.push((format!("light in the {room}"), describe_light(&settings.light)));
        if let Some(climate) = settings.climate {
            rooms::set_climate(shelf, room, climate)?;
            changed.push((format!("temperature in the {room}"), format!("{} °C", climate.degrees)));
        }
        if let Some((source, volume)) = &settings.media {
            rooms::play(shelf, room, source.clone(), *volume)?;
            changed.push((format!("music in the {room}"), describe_source(source)));
        }
    }
    if settings.lock {
        rooms::lock(shelf, Doors::all(), true)?;
        changed.push(("doors".into(), "locked".into()));
    }
    Ok(changed)
}

fn settings(scene: Scene) -> Settings {
    let light = |brightness, colour| LightSettings {
        on: true,
        brightness: Some(brightness),
        colour: Some(colour),
    };
    let dark = LightSettings { on: false, brightness: None, colour: None };
    let climate = |degrees, mode| Some(Climate { degrees, mode });
    let silence = Some((Source::Stop, None));
    match scene {
        Scene::GoodNight => Settings {
            everywhere: true,
            light: dark,
            climate: climate(17.0, ClimateMode::Eco),
            media: silence,
            lock: true,
        },
        Scene::GoodMorning => Settings {
            everywhere: true,
            light: light(80, Colour::CoolWhite),
            climate: climate(21.0, ClimateMode::Auto),
            media: None,
            lock: false,
        },
        Scene::MovieNight => Settings {
            everywhere: false,
            light: light(15, Colour::WarmWhite),
            climate: None,
            media: silence,
            lock: false,
        },
        Scene::Party => Settings {
            everywhere: false,
            light: light(70, Colour::Purple),
            climate: climate(20.0, ClimateMode::Auto),
            media: Some((Source::Playlist("party".into()), Some(75))),
            lock: false,
        },
        Scene::Away => Settings {
            everywhere: true,
            light: dark,
            climate: climate(15.0, ClimateMode::Eco),
            media: silence,
            lock: true,
        },
        Scene::Relax => Settings {
            everywhere: false,
            light: light(40, Colour::WarmWhite),
            climate: climate(22.0, ClimateMode::Auto),
            media: None,
            lock: false,
        },
    }
}

fn describe_light(light: &LightSettings) -> String {
    match light.brightness {
        Some(percent) if light.on => format!("on at {percent} %"),
        _ if light.on => "on".into(),
        _ => "off".into(),
    }
}

fn describe_source(source: &Source) -> String {
    match source {
        Source::Playlist(name) | Source::Radio(name) => name.clone(),
        Source::Stop => "off".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shelf::Memory;

    const SCENES: [Scene; 6] = [
        Scene::GoodNight,
        Scene::GoodMorning,
        Scene::MovieNight,
        Scene::Party,
        Scene::Away,
        Scene::Relax,
    ];

    #[test]
    fn good_night_reaches_every_known_room() {
        let shelf = Memory::default();
        rooms::set_light(
            &shelf,
            "hall",
            &LightSettings { on: true, brightness: Some(90), colour: None },
        )
        .expect("set");
        let changed = run(&shelf, Scene::GoodNight).expect("run");
        assert!(changed.contains(&("light in the hall".into(), "off".into())), "{changed:?}");
        assert!(changed.contains(&("doors".into(), "locked".into())), "{changed:?}");
        for room in ["hall", MAIN_ROOM] {
            let state = rooms::state(&shelf, room).expect("read");
            assert!(state.light.is_some_and(|light| !light.on), "{room}");
        }
    }

    #[test]
    fn movie_night_leaves_the_other_rooms_alone() {
        let shelf = Memory::default();
        let bright = LightSettings { on: true, brightness: Some(90), colour: None };
        rooms::set_light(&shelf, "hall", &bright).expect("set");
        run(&shelf, Scene::MovieNight).expect("run");
        assert_eq!(rooms::state(&shelf, "hall").expect("read").light, Some(bright));
    }

    #[test]
    fn what_a_scene_tells_is_what_it_set() {
        for scene in SCENES {
            let shelf = Memory::default();
            let changed = run(&shelf, scene).expect("run");
            let state = rooms::state(&shelf, MAIN_ROOM).expect("read");
            let light = state.light.expect("every scene sets the light");
            assert!(
                changed.contains(&(format!("light in the {MAIN_ROOM}"), describe_light(&light))),
                "{scene:?} {changed:?}"
            );
            assert_eq!(
                changed.iter().any(|(what, _)| what.starts_with("temperature")),
                state.climate.is_some(),
                "{scene:?}"
            );
            assert_eq!(
                changed.iter().any(|(what, _)| what.starts_with("music")),
                state.media.is_some(),
                "{scene:?}"
            );
        }
    }
}
