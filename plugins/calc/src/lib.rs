//! Arithmetic, statistics, loans, savings and bills.

pub mod expression;
pub mod finance;
pub mod number;
pub mod primes;
pub mod random;
pub mod statistics;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated from wit/world.wit")]
mod bindings {
    wit_bindgen::generate!({ world: "plugin", path: "wit" });
}

use bindings::exports::hyfunc::calc::arithmetic::{Guest as Arithmetic, Number};
use bindings::exports::hyfunc::calc::finance::{Growth, Guest as Finance, Loan, Share};
use bindings::exports::hyfunc::calc::statistics::{Guest as Statistics, Summary};

/// The plugin.
pub struct Plugin;

impl Arithmetic for Plugin {
    fn evaluate(expression: String) -> Result<Number, String> {
        expression::evaluate(&expression).map(number::number)
    }

    fn percentage(part: f64, whole: f64) -> Result<Number, String> {
        number::percentage(part, whole)
    }

    fn is_prime(number: u64) -> bool {
        primes::is_prime(number)
    }

    fn random_number(range: (i64, i64)) -> Result<i64, String> {
        random::within(range.0, range.1, random::system)
    }
}

impl Statistics for Plugin {
    fn summarize(numbers: Vec<f64>) -> Result<Summary, String> {
        statistics::summarize(&numbers)
    }

    fn correlation(first: Vec<f64>, second: Vec<f64>) -> Result<f64, String> {
        statistics::correlation(&first, &second)
    }
}

impl Finance for Plugin {
    fn loan_payment(principal: f64, annual_rate: f64, years: f64) -> Result<Loan, String> {
        finance::loan_payment(principal, annual_rate, years)
    }

    fn compound_interest(
        principal: f64,
        annual_rate: f64,
        years: f64,
        times_per_year: Option<u16>,
    ) -> Result<Growth, String> {
        finance::compound_interest(principal, annual_rate, years, times_per_year)
    }

    fn split_bill(total: f64, people: u16, tip_percent: Option<f64>) -> Result<Share, String> {
        finance::split_bill(total, people, tip_percent)
    }
}

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated exports of the component")]
mod export {
    super::bindings::export!(Plugin with_types_in super::bindings);
    use super::Plugin;
}
