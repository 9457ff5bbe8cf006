//! Keys: who may do what, which functions they see, and how much of it a minute.
//!
//! A key is a random secret that its holder alone has; the file of keys holds its hash. Without a
//! file of keys whoever reaches the gateway may do everything, which is for loopback alone.

mod date;
mod door;
mod error;
pub mod file;
mod functions;
mod glob;
mod key;
mod limits;
mod principal;
mod role;
mod scope;
mod secret;
mod store;

pub use date::{Moment, expiry};
pub use door::{Denied, Keys};
pub use error::{AccessError, KeysError};
pub use functions::FunctionLimits;
pub use glob::matches;
pub use key::{Key, Row};
pub use limits::{Limits, Share};
pub use principal::Principal;
pub use role::Role;
pub use scope::Scope;
pub use secret::{Hash, Minted, mint};
pub use store::Store;
