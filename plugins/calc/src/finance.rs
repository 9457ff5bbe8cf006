//! Loans, savings and bills, rounded to cents.

use crate::bindings::exports::hyfunc::calc::finance::{Growth, Loan, Share};
use crate::number::cents;

/// Most years that a loan or savings may run.
const YEARS_MAX: f64 = 1_000.0;

/// The monthly payment that pays a loan back with its interest.
///
/// # Errors
/// When the amounts make no loan.
pub fn loan_payment(principal: f64, annual_rate: f64, years: f64) -> Result<Loan, String> {
    check(principal, annual_rate, years)?;
    let months = (years * 12.0).round().max(1.0);
    let rate = annual_rate / 1_200.0;
    let payment = if rate == 0.0 {
        principal / months
    } else {
        principal * rate / (1.0 - (1.0 + rate).powf(-months))
    };
    let total_paid = payment * months;
    Ok(Loan {
        monthly_payment: cents(payment),
        total_paid: cents(total_paid),
        total_interest: cents(total_paid - principal),
    })
}

/// What a principal grows to when its interest earns interest.
///
/// # Errors
/// When the amounts make no savings, or they outgrow every number.
pub fn compound_interest(
    principal: f64,
    annual_rate: f64,
    years: f64,
    times_per_year: Option<u16>,
) -> Result<Growth, String> {
    check(principal, annual_rate, years)?;
    let times = f64::from(times_per_year.unwrap_or(1));
    if times == 0.0 {
        return Err(
            "interest has to be added at least once a year; leave times-per-year out or give 1 or more".to_owned(),
        );
    }
    let final_amount = principal * (1.0 + annual_rate / 100.0 / times).powf(times * years);
    if !final_amount.is_finite() {
        return Err("the savings outgrow every number; give fewer years or a lower rate".to_owned());
    }
    Ok(Growth { final_amount: cents(final_amount), interest: cents(final_amount - principal) })
}

/// What each person pays of a bill.
///
/// # Errors
/// When nobody pays, or the bill or tip is negative.
pub fn split_bill(total: f64, people: u16, tip_percent: Option<f64>) -> Result<Share, String> {
    let percent = tip_percent.unwrap_or(0.0);
    if people == 0 {
        return Err("somebody has to pay; give at least 1 person".to_owned());
    }
    if !(total >= 0.0 && percent >= 0.0) {
        return Err("a bill and its tip are never negative; give numbers from 0 up".to_owned());
    }
    let tip = total * percent / 100.0;
    Ok(Share {
        per_person: cents((total + tip) / f64::from(people)),
        total: cents(total + tip),
        tip: cents(tip),
    })
}

fn check(principal: f64, annual_rate: f64, years: f64) -> Result<(), String> {
    if !(principal > 0.0 && principal.is_finite()) {
        return Err(format!("{principal} is no principal; give an amount of money above 0"));
    }
    if !(0.0..=1_000.0).contains(&annual_rate) {
        return Err(format!(
            "{annual_rate} is no interest rate; give percent a year from 0 to 1000"
        ));
    }
    if !(years > 0.0 && years <= YEARS_MAX) {
        return Err(format!(
            "{years} is no time to run; give years above 0 and at most {YEARS_MAX}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loans() {
        let cases = [
            (250_000.0, 4.5, 30.0, 1_266.71),
            (18_000.0, 6.9, 5.0, 355.57),
            (1_200.0, 0.0, 1.0, 100.0),
            (1_200.0, 12.0, 1.0, 106.62),
        ];
        for (principal, rate, years, expected) in cases {
            let loan = loan_payment(principal, rate, years).expect("a loan");
            assert_eq!(loan.monthly_payment, expected, "{principal} {rate} {years}");
            assert!((loan.total_paid - principal - loan.total_interest).abs() < 0.011);
        }
    }

    #[test]
    fn savings() {
        let cases = [
            (5_000.0, 7.0, 10.0, None, 9_835.76),
            (1_000.0, 5.0, 3.0, Some(12), 1_161.47),
            (100.0, 0.0, 9.0, Some(4), 100.0),
        ];
        for (principal, rate, years, times, expected) in cases {
            let growth = compound_interest(principal, rate, years, times).expect("savings");
            assert_eq!(growth.final_amount, expected);
            assert_eq!(growth.interest, cents(expected - principal));
        }
    }

    #[test]
    fn bills() {
        let cases = [
            (86.4, 4, None, 21.6, 86.4),
            (120.0, 5, Some(15.0), 27.6, 138.0),
            (10.0, 3, Some(0.0), 3.33, 10.0),
            (0.0, 2, None, 0.0, 0.0),
        ];
        for (total, people, tip, each, with_tip) in cases {
            let share = split_bill(total, people, tip).expect("a bill");
            assert_eq!((share.per_person, share.total), (each, with_tip));
        }
    }

    #[test]
    fn refuses_nonsense() {
        assert!(loan_payment(0.0, 5.0, 1.0).is_err());
        assert!(loan_payment(1.0, -5.0, 1.0).is_err());
        assert!(loan_payment(1.0, 5.0, f64::NAN).is_err());
        assert!(compound_interest(1.0, 5.0, 1.0, Some(0)).is_err());
        assert!(
            compound_interest(1.0, 1_000.0, 1_000.0, None)
                .expect_err("huge")
                .contains("fewer years")
        );
        assert!(split_bill(10.0, 0, None).is_err());
        assert!(split_bill(-10.0, 2, None).is_err());
        assert!(split_bill(10.0, 2, Some(f64::NAN)).is_err());
    }
}
