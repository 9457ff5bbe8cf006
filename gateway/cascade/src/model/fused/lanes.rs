//! Loops that become vector instructions.
//!
//! They do so only in what `pulp::Arch::dispatch` compiles once for every set of instructions, of
//! which it takes the machine's best at run time. Closures are not inlined there; methods of
//! `WithSimd` that are `inline(always)`, as everything below, are.

/// Numbers in a head: slices of this length take a path without loops' ends.
const WIDTH: usize = 32;

/// Numbers that are summed side by side.
const LANES: usize = 16;

/// The sum of all lanes, by halves: one after another, sixteen additions would each wait for the
/// one before.
#[inline(always)]
fn sum(lanes: &[f32; LANES]) -> f32 {
    let (mut eight, mut four) = ([0f32; 8], [0f32; 4]);
    for lane in 0..8 {
        eight[lane] = lanes[lane] + lanes[lane + 8];
    }
    for lane in 0..4 {
        four[lane] = eight[lane] + eight[lane + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The sum of products, in as many sums as the widest vectors have lanes.
#[inline(always)]
pub fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    if let (Ok(one), Ok(other)) = (<&[f32; WIDTH]>::try_from(one), <&[f32; WIDTH]>::try_from(other))
    {
        for lane in 0..LANES {
            sums[lane] = one[lane] * other[lane] + one[lane + LANES] * other[lane + LANES];
        }
        return sum(&sums);
    }
    for (a, b) in one.chunks_exact(LANES).zip(other.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let tail = one.len() / LANES * LANES;
    let rest: f32 = one[tail..].iter().zip(&other[tail..]).map(|(a, b)| a * b).sum();
    sum(&sums) + rest
}

/// The exponential within 2e-7 of its value, for arguments from -87 to 88 and clamped to them; in
/// additions and multiplications alone, so that it becomes vector instructions. The polynomial is
/// that of the Cephes library's `expf`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const TERMS: [f32; 6] =
        [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let power = rounded - ROUND;
    let rest = x - power * LN_2_HIGH - power * LN_2_LOW;
    let mut sum = TERMS[0];
    for term in &TERMS[1..] {
        sum = sum * rest + term;
    }
    let mantissa = sum * rest * rest + rest + 1.0;
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    mantissa * f32::from_bits(exponent.wrapping_shl(23))
}

/// `to += scale · from`.
#[inline(always)]
pub fn add_scaled(to: &mut [f32], from: &[f32], scale: f32) {
    if let (Ok(to), Ok(from)) =
        (<&mut [f32; WIDTH]>::try_from(&mut *to), <&[f32; WIDTH]>::try_from(from))
    {
        for lane in 0..WIDTH {
            to[lane] += scale * from[lane];
        }
        return;
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

/// A sum of vectors. Of [`WIDTH`] numbers it stays in registers: in memory each addition would wait
/// until the one before is written.
pub struct Sum<'a> {
    to: &'a mut [f32],
    held: [f32; WIDTH],
}

impl<'a> Sum<'a> {
    /// Begins with what is in `to`.
    #[inline(always)]
    pub fn of(to: &'a mut [f32]) -> Self {
        let held = <[f32; WIDTH]>::try_from(&*to).unwrap_or([0.0; WIDTH]);
        Self { to, held }
    }

    /// `sum += scale · from`.
    #[inline(always)]
    pub fn add_scaled(&mut self, from: &[f32], scale: f32) {
        match <&[f32; WIDTH]>::try_from(from) {
            Ok(from) => {
                for (held, from) in self.held.iter_mut().zip(from) {
                    *held += scale * from;
                }
            }
            Err(_) => add_scaled(self.to, from, scale),
        }
    }

    /// Writes it.
    #[inline(always)]
    pub fn end(self) {
        if let Ok(to) = <&mut [f32; WIDTH]>::try_from(self.to) {
            *to = self.held;
        }
    }
}

/// The largest number, or `f32::MIN` where there is none; NaN is passed over.
#[inline(always)]
fn max(numbers: &[f32]) -> f32 {
    let mut most = [f32::MIN; LANES];
    let chunks = numbers.chunks_exact(LANES);
    let mut all = f32::MIN;
    for &number in chunks.remainder() {
        all = if number > all { number } else { all };
    }
    for chunk in chunks {
        for lane in 0..LANES {
            most[lane] = if chunk[lane] > most[lane] { chunk[lane] } else { most[lane] };
        }
    }
    for most in most {
        all = if most > all { most } else { all };
    }
    all
}

/// Probabilities that are proportional to the exponentials of `scores`.
#[inline(always)]
pub fn softmax(scores: &mut [f32]) {
    let max = max(scores);
    for score in scores.iter_mut() {
        *score = exp(*score - max);
    }
    let mut sums = [0f32; LANES];
    let chunks = scores.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
        }
    }
    let share = 1.0 / (sum(&sums) + rest);
    for score in scores.iter_mut() {
        *score *= share;
    }
}
