//! How often a function may be called, by all together.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{AccessError, KeysError};
use super::glob::matches;
use super::limits::Rate;
use crate::config::calls_per_minute;

/// Limits by patterns of names; the first that covers a function is the one that counts.
#[derive(Default)]
pub struct FunctionLimits {
    rules: Vec<(String, NonZeroU32)>,
    /// Of functions that were called: as many as the library has, at most.
    rates: Mutex<HashMap<String, Arc<Rate>>>,
}

impl FunctionLimits {
    /// Reads `weather_*=60`: sixty calls a minute of each function that the pattern covers.
    ///
    /// # Errors
    /// A limit that is not written so.
    pub fn parse(limits: &[String]) -> Result<Self, KeysError> {
        Ok(Self { rules: calls_per_minute(limits)?, rates: Mutex::default() })
    }

    /// Counts one call of a function of the library.
    ///
    /// # Errors
    /// It has no more for now.
    pub fn call(&self, function: &str) -> Result<(), AccessError> {
        let Some(rate) = self.rate(function) else { return Ok(()) };
        rate.take().map_err(|retry_after_ms| AccessError::FunctionRate {
            function: function.to_owned(),
            per_minute: rate.per_minute(),
            retry_after_ms,
        })
    }

    fn rate(&self, function: &str) -> Option<Arc<Rate>> {
        let (_, per_minute) = self.rules.iter().find(|(pattern, _)| matches(pattern, function))?;
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = rates.get(function) {
            return Some(Arc::clone(rate));
        }
        let rate = Arc::new(Rate::new(*per_minute));
        rates.insert(function.to_owned(), Arc::clone(&rate));
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(texts: &[&str]) -> Result<FunctionLimits, KeysError> {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        FunctionLimits::parse(&texts)
    }

    #[test]
    fn each_function_has_its_own_count_by_the_first_rule_that_covers_it() {
        let limits = limits(&["tasks_add=1", "tasks_*=2"]).unwrap();
        for (function, left) in [("tasks_add", 1), ("tasks_remove", 2), ("tasks_list", 2)] {
            for _ in 0..left {
                limits.call(function).unwrap();
            }
            let error = limits.call(function).unwrap_err();
            assert!(error.retry_after_ms().is_some(), "{error}");
            assert!(error.to_string().contains(function), "{error}");
        }
        for _ in 0..100 {
            limits.call("units_convert").unwrap();
        }
    }

    #[test]
    fn limits_that_are_none_are_refused_with_an_example() {
        for text in
            ["", "tasks_*", "=5", "tasks_*=", "tasks_*=0", "tasks_*=-1", "a=b", "a=5000000000"]
        {
            let error = limits(&[text]).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains("weather_*=60"), "{text}: {error}");
        }
    }
}
