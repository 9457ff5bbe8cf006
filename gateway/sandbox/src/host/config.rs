//! `wasi:config/store`: the values that the grants name, and no others.

use crate::host::bindings::wasi::config::store::{Error, Host};
use crate::host::state::State;

impl Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, Error>> {
        Ok(Ok(self.grants.config.keys.get(&key).cloned()))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, Error>> {
        let pairs = self.grants.config.keys.iter();
        Ok(Ok(pairs.map(|(key, value)| (key.clone(), value.clone())).collect()))
    }
}
