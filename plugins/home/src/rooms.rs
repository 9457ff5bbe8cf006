//! What is set, room by room. Light, climate and media of a room have a key each, so that two
//! calls at once do not undo one another.

use std::collections::BTreeSet;

use crate::bindings::exports::hyfunc::home::rooms::{
    Climate, Doors, LightSettings, Locks, Media, RoomState, Source, VacuumPlan,
};
use crate::shelf::{Shelf, read, write};

const LIGHT: &str = "light/";
const CLIMATE: &str = "climate/";
const MEDIA: &str = "media/";
const LOCKED: &str = "locked";
const VACUUM: &str = "vacuum";

/// Percent, of a room that has never played.
const VOLUME_DEFAULT: u8 = 30;

/// All that is set in a room.
pub fn state(shelf: &impl Shelf, room: &str) -> Result<RoomState, String> {
    Ok(RoomState {
        room: room.into(),
        light: read(shelf, &format!("{LIGHT}{room}"))?,
        climate: read(shelf, &format!("{CLIMATE}{room}"))?,
        media: read(shelf, &format!("{MEDIA}{room}"))?,
    })
}

/// Every room in which something was set, by name.
pub fn known(shelf: &impl Shelf) -> Result<BTreeSet<String>, String> {
    let room = |key: &String| {
        [LIGHT, CLIMATE, MEDIA].iter().find_map(|prefix| key.strip_prefix(prefix)).map(String::from)
    };
    Ok(shelf.keys()?.iter().filter_map(room).collect())
}

/// Sets the light. A brightness or a colour that is not given stays as it was.
pub fn set_light(
    shelf: &impl Shelf,
    room: &str,
    settings: &LightSettings,
) -> Result<RoomState, String> {
    let key = format!("{LIGHT}{room}");
    let before: Option<LightSettings> = read(shelf, &key)?;
    let light = LightSettings {
        on: settings.on,
        brightness: settings.brightness.or(before.as_ref().and_then(|light| light.brightness)),
        colour: settings.colour.or(before.and_then(|light| light.colour)),
    };
    write(shelf, &key, &light)?;
    state(shelf, room)
}

/// Sets the heating.
pub fn set_climate(shelf: &impl Shelf, room: &str, climate: Climate) -> Result<RoomState, String> {
    write(shelf, &format!("{CLIMATE}{room}"), &climate)?;
    state(shelf, room)
}

/// Sets what plays. A volume that is not given stays as it was.
pub fn play(
    shelf: &impl Shelf,
    room: &str,
    source: Source,
    volume: Option<u8>,
) -> Result<RoomState, String> {
    let key = format!("{MEDIA}{room}");
    let before: Option<Media> = read(shelf, &key)?;
    let volume = volume.or(before.map(|media| media.volume)).unwrap_or(VOLUME_DEFAULT);
    write(shelf, &key, &Media { source, volume })?;
    state(shelf, room)
}

/// Turns the music up or down, and stops at silence and at 100 percent.
pub fn change_volume(shelf: &impl Shelf, room: &str, change: i8) -> Result<RoomState, String> {
    let key = format!("{MEDIA}{room}");
    let mut media =
        read(shelf, &key)?.unwrap_or(Media { source: Source::Stop, volume: VOLUME_DEFAULT });
    media.volume = media.volume.saturating_add_signed(change).min(100);
    write(shelf, &key, &media)?;
    state(shelf, room)
}

/// Locks or unlocks doors, and tells how all of them are.
pub fn lock(shelf: &impl Shelf, doors: Doors, locked: bool) -> Result<Locks, String> {
    let before: u8 = read(shelf, LOCKED)?.unwrap_or_default();
    let mut all = Doors::from_bits_truncate(before);
    all.set(doors, locked);
    write(shelf, LOCKED, &all.bits())?;
    Ok(Locks { locked: all, unlocked: Doors::all() - all })
}

/// Keeps the plan of the vacuum cleaner.
pub fn plan_vacuum(shelf: &impl Shelf, plan: VacuumPlan) -> Result<VacuumPlan, String> {
    write(shelf, VACUUM, &(plan.days.bits(), plan.start, &plan.rooms))?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::hyfunc::home::rooms::{ClimateMode, Colour, Weekdays};
    use crate::shelf::Memory;

    #[test]
    fn a_light_keeps_what_is_not_said() {
        let shelf = Memory::default();
        let blue = LightSettings { on: true, brightness: Some(40), colour: Some(Colour::Blue) };
        set_light(&shelf, "hall", &blue).expect("set");
        let off =
            set_light(&shelf, "hall", &LightSettings { on: false, brightness: None, colour: None })
                .expect("set");
        assert_eq!(off.light, Some(LightSettings { on: false, ..blue }));
        assert_eq!((off.room.as_str(), off.climate, off.media), ("hall", None, None));
    }

    #[test]
    fn settings_come_back() {
        let shelf = Memory::default();
        let climate = Climate { degrees: 21.5, mode: ClimateMode::Eco };
        set_climate(&shelf, "study", climate).expect("set");
        play(&shelf, "study", Source::Radio("FM4".into()), Some(55)).expect("set");
        let state = state(&shelf, "study").expect("read");
        assert_eq!(state.climate, Some(climate));
        assert_eq!(state.media, Some(Media { source: Source::Radio("FM4".into()), volume: 55 }));
        set_light(&shelf, "attic", &LightSettings { on: true, brightness: None, colour: None })
            .expect("set");
        assert_eq!(
            known(&shelf).expect("read").into_iter().collect::<Vec<_>>(),
            ["attic", "study"]
        );
    }

    #[test]
    fn volumes_stop_at_their_ends() {
        let shelf = Memory::default();
        for (change, expected) in
            [(10, 40), (100, 100), (5, 100), (-30, 70), (-100, 0), (-1, 0), (7, 7)]
        {
            let state = change_volume(&shelf, "bath", change).expect("set");
            assert_eq!(state.media.map(|media| media.volume), Some(expected), "{change}");
        }
        let playing = play(&shelf, "bath", Source::Playlist("jazz".into()), None).expect("set");
        assert_eq!(playing.media.map(|media| media.volume), Some(7));
    }

    #[test]
    fn doors_are_locked_one_by_one() {
        let shelf = Memory::default();
        lock(&shelf, Doors::FRONT | Doors::BACK, true).expect("set");
        let locks = lock(&shelf, Doors::BACK, false).expect("set");
        assert_eq!(locks.locked, Doors::FRONT);
        assert_eq!(locks.unlocked, Doors::all() - Doors::FRONT);
    }

    #[test]
    fn a_plan_is_kept() {
        let shelf = Memory::default();
        let plan = VacuumPlan {
            days: Weekdays::MONDAY | Weekdays::SUNDAY,
            start: (9, 30),
            rooms: vec!["hall".into()],
        };
        plan_vacuum(&shelf, plan).expect("set");
        let kept: Option<(u8, (u8, u8), Vec<String>)> = read(&shelf, VACUUM).expect("read");
        assert_eq!(kept, Some((0b100_0001, (9, 30), vec!["hall".into()])));
    }

    #[test]
    fn a_broken_setting_is_named() {
        let shelf = Memory::default();
        shelf.set("light/hall", b"{").expect("set");
        assert!(state(&shelf, "hall").expect_err("broken").contains("light/hall"));
    }
}
