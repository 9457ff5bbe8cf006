//! Primality of 64-bit numbers.

/// Whether a number is prime: the Miller–Rabin test with the first twelve primes as bases,
/// which is exact below 3.3 · 10^24.
pub fn is_prime(number: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if number < 2 {
        return false;
    }
    if let Some(base) = BASES.iter().find(|base| number.is_multiple_of(**base)) {
        return number == *base;
    }
    let twos = (number - 1).trailing_zeros();
    let odd = (number - 1) >> twos;
    BASES.iter().all(|base| passes(*base, odd, twos, number))
}

fn passes(base: u64, odd: u64, twos: u32, modulus: u64) -> bool {
    let mut power = raise(base, odd, modulus);
    if power == 1 || power == modulus - 1 {
        return true;
    }
    for _ in 1..twos {
        power = multiply(power, power, modulus);
        if power == modulus - 1 {
            return true;
        }
    }
    false
}

fn raise(mut base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let mut result = 1;
    base %= modulus;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, base, modulus);
        }
        base = multiply(base, base, modulus);
        exponent >>= 1;
    }
    result
}

fn multiply(a: u64, b: u64, modulus: u64) -> u64 {
    let product = u128::from(a) * u128::from(b) % u128::from(modulus);
    u64::try_from(product).expect("a remainder is below its 64-bit modulus")
}

#[cfg(test)]
mod tests {
    use super::is_prime;

    #[test]
    fn agrees_with_trial_division() {
        for number in 0..5_000_u64 {
            let expected =
                number >= 2 && (2..number).take_while(|d| d * d <= number).all(|d| number % d != 0);
            assert_eq!(is_prime(number), expected, "{number}");
        }
    }

    #[test]
    fn knows_large_primes_and_pseudoprimes() {
        for prime in [2_147_483_647, 18_446_744_073_709_551_557, 1_000_000_007] {
            assert!(is_prime(prime), "{prime}");
        }
        for composite in
            [u64::MAX, 3_215_031_751, 341_550_071_728_321, 4_294_967_291 * 4_294_967_279]
        {
            assert!(!is_prime(composite), "{composite}");
        }
    }
}
