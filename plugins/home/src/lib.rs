//! A smart home: lights, heating, doors, music, scenes and the vacuum cleaner.

#![warn(missing_docs)]

mod checks;
mod rooms;
mod scenes;
mod shelf;

#[allow(missing_docs, unsafe_code, reason = "generated from the WIT")]
mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "home",
        generate_all,
        additional_derives: [PartialEq],
        additional_type_attributes: {
            "hyfunc:home/rooms@0.1.0/colour": [#[derive(serde::Serialize, serde::Deserialize)]],
            "hyfunc:home/rooms@0.1.0/light-settings": [#[derive(serde::Serialize, serde::Deserialize)]],
            "hyfunc:home/rooms@0.1.0/climate-mode": [#[derive(serde::Serialize, serde::Deserialize)]],
            "hyfunc:home/rooms@0.1.0/climate": [#[derive(serde::Serialize, serde::Deserialize)]],
            "hyfunc:home/rooms@0.1.0/source": [#[derive(serde::Serialize, serde::Deserialize)]],
            "hyfunc:home/rooms@0.1.0/media": [#[derive(serde::Serialize, serde::Deserialize)]],
        },
    });
    use super::Home;
    export!(Home);
}

use bindings::exports::hyfunc::home::rooms::{
    Climate, ClimateMode, Doors, Guest, LightSettings, Locks, RoomState, Scene, Source, VacuumPlan,
    Weekdays,
};

/// Where music plays when nobody says.
const MUSIC_ROOM: &str = "living room";

struct Home;

impl Guest for Home {
    fn set_light(room: String, settings: LightSettings) -> Result<RoomState, String> {
        let (room, settings) = (checks::room(&room)?, checks::light(settings)?);
        rooms::set_light(&shelf::open()?, &room, &settings)
    }

    fn set_temperature(
        room: String,
        degrees: f32,
        mode: Option<ClimateMode>,
    ) -> Result<RoomState, String> {
        let room = checks::room(&room)?;
        let climate =
            Climate { degrees: checks::degrees(degrees)?, mode: mode.unwrap_or(ClimateMode::Auto) };
        rooms::set_climate(&shelf::open()?, &room, climate)
    }

    fn lock_doors(doors: Doors, locked: bool) -> Result<Locks, String> {
        if doors.is_empty() {
            return Err("no door was named: say which, such as `front` or `garage`".into());
        }
        rooms::lock(&shelf::open()?, doors, locked)
    }

    fn play_media(
        source: Source,
        room: Option<String>,
        volume: Option<u8>,
    ) -> Result<RoomState, String> {
        let room = checks::room(room.as_deref().unwrap_or(MUSIC_ROOM))?;
        let source = checks::source(source)?;
        let volume = volume.map(checks::volume).transpose()?;
        rooms::play(&shelf::open()?, &room, source, volume)
    }

    fn change_volume(change: i8, room: Option<String>) -> Result<RoomState, String> {
        let room = checks::room(room.as_deref().unwrap_or(MUSIC_ROOM))?;
        rooms::change_volume(&shelf::open()?, &room, checks::change(change)?)
    }

    fn run_scene(scene: Scene) -> Result<Vec<(String, String)>, String> {
        scenes::run(&shelf::open()?, scene)
    }

    fn schedule_vacuum(
        days: Weekdays,
        start: (u8, u8),
        rooms: Option<Vec<String>>,
    ) -> Result<VacuumPlan, String> {
        let start = checks::start(start)?;
        let rooms = checks::rooms(rooms.unwrap_or_default())?;
        rooms::plan_vacuum(&shelf::open()?, VacuumPlan { days, start, rooms })
    }

    fn status(room: Option<String>) -> Result<Vec<RoomState>, String> {
        let shelf = shelf::open()?;
        match room {
            Some(room) => Ok(vec![rooms::state(&shelf, &checks::room(&room)?)?]),
            None => rooms::known(&shelf)?.iter().map(|room| rooms::state(&shelf, room)).collect(),
        }
    }
}
