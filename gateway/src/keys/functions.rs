//! How often a function may be called, and how many of its calls run at once, by all together.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::error::{AccessError, KeysError};
use super::glob::matches;
use super::limits::Rate;
use crate::config::function_limits;

/// Limits by patterns of names; the first that covers a function is the one that counts.
pub struct FunctionLimits {
    rates: ByName<Rate>,
    places: ByName<Semaphore>,
}

/// What each function has of its own, by the first pattern that covers its name.
struct ByName<T> {
    rules: Vec<(String, NonZeroU32)>,
    make: fn(NonZeroU32) -> T,
    /// Of functions that were called: as many as the library has, at most.
    made: Mutex<HashMap<String, Arc<T>>>,
}

impl<T> ByName<T> {
    fn parse(limits: &[String], make: fn(NonZeroU32) -> T) -> Result<Self, KeysError> {
        Ok(Self { rules: function_limits(limits)?, make, made: Mutex::default() })
    }

    fn get(&self, function: &str) -> Option<Arc<T>> {
        let (_, most) = self.rules.iter().find(|(pattern, _)| matches(pattern, function))?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = made.get(function) {
            return Some(Arc::clone(own));
        }
        let own = Arc::new((self.make)(*most));
        made.insert(function.to_owned(), Arc::clone(&own));
        Some(own)
    }
}

fn places(most: NonZeroU32) -> Semaphore {
    let most = usize::try_from(most.get()).unwrap_or(Semaphore::MAX_PERMITS);
    Semaphore::new(most.min(Semaphore::MAX_PERMITS))
}

impl FunctionLimits {
    /// Reads `weather_*=60`: sixty calls a minute, or at once, of each function that the pattern
    /// covers.
    ///
    /// # Errors
    /// A limit that is not written so.
    pub fn parse(per_minute: &[String], at_once: &[String]) -> Result<Self, KeysError> {
        let rates = ByName::parse(per_minute, Rate::new)?;
        Ok(Self { rates, places: ByName::parse(at_once, places)? })
    }

    /// Counts one call of a function of the library.
    ///
    /// # Errors
    /// It has no more for now.
    pub fn call(&self, function: &str) -> Result<(), AccessError> {
        let Some(rate) = self.rates.get(function) else { return Ok(()) };
        rate.take().map_err(|retry_after_ms| AccessError::FunctionRate {
            function: function.to_owned(),
            per_minute: rate.per_minute(),
            retry_after_ms,
        })
    }

    /// Where calls of a function wait for their turn; `None` where as many run as come.
    pub fn places(&self, function: &str) -> Option<Arc<Semaphore>> {
        self.places.get(function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(texts: &[&str]) -> Result<FunctionLimits, KeysError> {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        FunctionLimits::parse(&texts, &texts)
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
    fn each_function_has_places_of_its_own_and_they_come_back() {
        let limits = limits(&["tasks_*=2"]).unwrap();
        assert!(limits.places("units_convert").is_none());
        let places = limits.places("tasks_add").unwrap();
        let taken = (Arc::clone(&places).try_acquire_owned(), places.try_acquire_owned());
        assert!(taken.0.is_ok() && taken.1.is_ok());
        assert_eq!(limits.places("tasks_add").unwrap().available_permits(), 0);
        assert_eq!(limits.places("tasks_remove").unwrap().available_permits(), 2);
        drop(taken);
        assert_eq!(limits.places("tasks_add").unwrap().available_permits(), 2);
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
