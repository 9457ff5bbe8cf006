//! A table of well-known cities, looked up by the names that people use.
//!
//! Shared by the plugins that answer questions about cities. Nothing is fetched: the table is
//! part of the component.

mod city;
mod country;
mod lookup;
mod spelling;

pub use city::{City, cities};
pub use country::find_country;
pub use lookup::{UnknownPlace, find_city};
