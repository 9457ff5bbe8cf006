//! What a driver and a device must be, before anything is loaded.

use crate::error::KernelError;

/// The CUDA version of the toolkit that the image is made with.
const DRIVER_WANTED: i32 = 13_000;
/// The oldest generation that the image has code for.
const MAJOR_MIN: i32 = 8;

/// Whether a driver can load the image; `found` is 1000 · major + 10 · minor.
pub fn driver(found: i32) -> Result<(), KernelError> {
    match found >= DRIVER_WANTED {
        true => Ok(()),
        false => Err(KernelError::OldDriver { found, wanted: DRIVER_WANTED }),
    }
}

/// Whether there is a device of that number.
pub fn ordinal(ordinal: usize, count: usize) -> Result<(), KernelError> {
    match ordinal < count {
        true => Ok(()),
        false => Err(KernelError::NoDevice { ordinal, count }),
    }
}

/// Whether the image has code for a generation.
pub fn generation(name: &str, (major, minor): (i32, i32)) -> Result<(), KernelError> {
    match major >= MAJOR_MIN {
        true => Ok(()),
        false => Err(KernelError::OtherGeneration { name: name.to_owned(), major, minor }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(outcome: Result<(), KernelError>) -> String {
        outcome.expect_err("it must be refused").to_string()
    }

    #[test]
    fn an_old_driver_is_told_which_one_is_needed() {
        for (found, named) in [(0, "CUDA 0.0"), (11_040, "CUDA 11.4"), (12_090, "CUDA 12.9")] {
            let said = said(driver(found));
            assert!(said.contains(named), "{said}");
            assert!(said.contains("13.0") && said.contains("driver 580"), "{said}");
        }
        for found in [13_000, 13_010, 14_000] {
            assert_eq!(driver(found), Ok(()));
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_told_how_many_there_are() {
        for (asked, count) in [(0, 0), (7, 1), (7, 7), (usize::MAX, 8)] {
            let said = said(ordinal(asked, count));
            assert!(said.contains(&format!("no cuda:{asked}")), "{said}");
            assert!(said.contains(&format!("{count} device(s)")), "{said}");
        }
        assert_eq!(ordinal(7, 8), Ok(()));
    }

    #[test]
    fn a_generation_without_code_is_told_which_one_is_needed() {
        for (name, capability) in [("V100", (7, 0)), ("T4", (7, 5)), ("K80", (3, 7))] {
            let said = said(generation(name, capability));
            assert!(said.contains(name), "{said}");
            assert!(said.contains(&format!("{}.{}", capability.0, capability.1)), "{said}");
            assert!(said.contains("8.0 (A100) or newer"), "{said}");
        }
        for capability in [(8, 0), (8, 9), (9, 0), (10, 0), (12, 0)] {
            assert_eq!(generation("A100", capability), Ok(()));
        }
    }

    /// Without a driver, with one that has no devices, out of memory, lost: what to do is in the text.
    #[test]
    fn every_error_of_a_device_says_what_to_do() {
        for (error, wanted) in [
            (KernelError::NoDriver, "use the CPU"),
            (KernelError::OutOfMemory { bytes: Some(7) }, "(7 bytes were asked for): make room"),
            (KernelError::OutOfMemory { bytes: None }, "out of device memory: make room"),
            (KernelError::OutOfPages { pages: 3, page_tokens: 4 }, "give the model more pages"),
            (KernelError::Sticky { code: "X".into() }, "opened again in a new process"),
        ] {
            let said = error.to_string();
            assert!(said.contains(wanted), "{said}");
        }
    }
}
