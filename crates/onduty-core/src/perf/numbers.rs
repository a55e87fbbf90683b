//! The little mathematics that the statistics need: medians, a linear system, distributions.

use smallvec::SmallVec;
use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};
use statrs::function::erf::erfc_inv;

/// Degrees of freedom from which the expansion of [`exceeded_with`] is as good as the distribution.
const ENOUGH_FOR_THE_EXPANSION: f64 = 60.0;

/// The middle value; `values` end up in another order.
pub fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value that the share `q` does not exceed, between two neighbours in proportion; `values` end up in another
/// order.
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)? as f64;
    let place = q.clamp(0.0, 1.0) * last;
    let (_, &mut low, above) = values.select_nth_unstable_by(place.floor() as usize, f64::total_cmp);
    let share = place - place.floor();
    let high = if share > 0.0 { above.iter().copied().min_by(f64::total_cmp)? } else { low };
    Some(low + (high - low) * share)
}

/// A symmetric positive definite matrix, taken apart: the lower triangle L with L·Lᵀ = the matrix (Cholesky).
#[derive(Debug, Clone)]
pub struct Cholesky {
    size: usize,
    /// Row by row, each up to the diagonal; on the diagonal are reciprocals.
    lower: SmallVec<[f64; 96]>,
}

/// A number for each of some windows, which mostly needs no memory of its own.
pub type Numbers = SmallVec<[f64; 24]>;

impl Cholesky {
    /// The matrix of `cell(row, column)`, which is asked for columns up to the row; `None` when it is not positive definite.
    pub fn of(size: usize, cell: impl Fn(usize, usize) -> f64) -> Option<Cholesky> {
        let mut lower = SmallVec::with_capacity(size * (size + 1) / 2);
        for row in 0..size {
            let start = lower.len();
            for column in 0..row {
                let other = &lower[place(column)..=place(column) + column];
                let sum = cell(row, column) - dot(&lower[start..], &other[..column]);
                let reciprocal = other[column];
                lower.push(sum * reciprocal);
            }
            let square = cell(row, row) - dot(&lower[start..], &lower[start..]);
            if square.is_nan() || square <= 0.0 {
                return None;
            }
            lower.push(1.0 / square.sqrt());
        }
        Some(Cholesky { size, lower })
    }

    fn row(&self, row: usize) -> (&[f64], f64) {
        let start = place(row);
        (&self.lower[start..start + row], self.lower[start + row])
    }

    /// The inverse of the matrix, times a vector.
    pub fn solve(&self, vector: &[f64]) -> Numbers {
        let mut solution: Numbers = vector.into();
        for row in 0..self.size {
            let (others, reciprocal) = self.row(row);
            solution[row] = (solution[row] - dot(others, &solution[..row])) * reciprocal;
        }
        for row in (0..self.size).rev() {
            let (others, reciprocal) = self.row(row);
            let value = solution[row] * reciprocal;
            solution[row] = value;
            solution[..row].iter_mut().zip(others).for_each(|(sum, other)| *sum -= other * value);
        }
        solution
    }

    /// The diagonal of the inverse of the matrix.
    pub fn diagonal_of_inverse(&self) -> Numbers {
        let mut column: Numbers = SmallVec::from_elem(0.0, self.size);
        let mut diagonal = Numbers::with_capacity(self.size);
        for at in 0..self.size {
            // A column of the inverse of L; the diagonal is the sum of its squares.
            let mut sum = 0.0;
            for row in at..self.size {
                let (others, reciprocal) = self.row(row);
                let unit = if row == at { 1.0 } else { 0.0 };
                column[row] = (unit - dot(&others[at..], &column[at..row])) * reciprocal;
                sum += column[row] * column[row];
            }
            diagonal.push(sum);
        }
        diagonal
    }
}

/// Where a row begins.
fn place(row: usize) -> usize {
    row * (row + 1) / 2
}

/// The sum of products.
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// The chance that a value of Student's t with `freedom` degrees exceeds `t`.
pub fn chance_above(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.cdf(-t))
}

/// What Student's t with `freedom` (at least three) degrees exceeds with the chance `chance`, from 0.001 to 0.5.
///
/// The expansion of Cornish and Fisher around the normal value (Fisher and Cornish, "The percentile points of distributions
/// having known cumulants", Technometrics 2, 1960), made exact by Newton's method.
pub fn exceeded_with(chance: f64, freedom: f64) -> f64 {
    let Ok(student) = StudentsT::new(0.0, 1.0, freedom) else { return f64::NAN };
    let z = std::f64::consts::SQRT_2 * erfc_inv(2.0 * chance);
    let (square, share) = (z * z, 1.0 / freedom);
    let terms = [
        z * (square + 1.0) / 4.0,
        z * (5.0 * square.powi(2) + 16.0 * square + 3.0) / 96.0,
        z * (3.0 * square.powi(3) + 19.0 * square.powi(2) + 17.0 * square - 15.0) / 384.0,
        z * (79.0 * square.powi(4) + 776.0 * square.powi(3) + 1482.0 * square.powi(2) - 1920.0 * square - 945.0)
            / 92160.0,
    ];
    let mut t = z + terms.iter().rev().fold(0.0, |sum, term| (sum + term) * share);
    if freedom > ENOUGH_FOR_THE_EXPANSION {
        return t;
    }
    for _ in 0..4 {
        let step = (student.cdf(-t) - chance) / student.pdf(t);
        t += step;
        if step.abs() < 1e-7 {
            break;
        }
    }
    t
}

/// The chance that at least `successes` of `trials` succeed when each does with `chance`; both may be fractions.
pub fn binomial_chance_from(successes: f64, trials: f64, chance: f64) -> f64 {
    if successes <= 0.0 {
        return 1.0;
    }
    let failures = (trials - successes).max(0.0);
    statrs::function::beta::checked_beta_reg(successes, failures + 1.0, chance.clamp(0.0, 1.0)).unwrap_or(f64::NAN)
}

/// The q-values of `chances` (Benjamini and Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995): calling
/// everything with a q-value of at most q a discovery makes at most the share q of the discoveries false.
pub fn false_discovery_rates(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|&left, &right| chances[right].total_cmp(&chances[left]));
    let (mut rates, mut least) = (vec![1.0; chances.len()], 1.0_f64);
    for (above, &at) in order.iter().enumerate() {
        let rank = chances.len() - above;
        least = least.min(chances[at] * chances.len() as f64 / rank as f64);
        rates[at] = least;
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(quantile(&mut [5.0, 1.0, 3.0], 0.25), Some(2.0));
        assert_eq!(quantile(&mut [5.0, 1.0, 3.0], 1.0), Some(5.0));
    }

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let cell = |row: usize, column: usize| 25.0 + if row == column { 0.1 * (row + 1) as f64 } else { 0.0 };
        let parts = Cholesky::of(5, cell).unwrap();
        let diagonal = parts.diagonal_of_inverse();
        for row in 0..5 {
            let unit: Vec<f64> = (0..5).map(|at| f64::from(u8::from(at == row))).collect();
            let solved = parts.solve(&unit);
            assert!((solved[row] - diagonal[row]).abs() < 1e-9);
            for (at, expected) in unit.iter().enumerate() {
                let back: f64 = (0..5).map(|column| cell(at, column) * solved[column]).sum();
                assert!((back - expected).abs() < 1e-9, "row {row}, column {at}: {back}");
            }
        }
        assert!(Cholesky::of(2, |_, _| 1.0).is_none());
    }

    #[test]
    fn student_as_in_the_tables() {
        assert!((chance_above(2.228, 10.0) - 0.025).abs() < 1e-4);
        for (chance, freedom, t) in [
            (0.025, 3.0, 3.1824),
            (0.025, 10.0, 2.2281),
            (0.05, 5.0, 2.0150),
            (0.05, 120.0, 1.6577),
            (0.025, 1e4, 1.9602),
        ] {
            assert!(
                (exceeded_with(chance, freedom) - t).abs() < 1e-4,
                "{chance}, {freedom}: {}",
                exceeded_with(chance, freedom)
            );
        }
        for freedom in [3.0, 3.5, 4.0, 7.7, 15.0, 29.9, 30.1, 31.0, 60.0, 300.0, 9999.0] {
            for chance in [0.001, 0.025, 0.05, 0.3] {
                let t = exceeded_with(chance, freedom);
                assert!((chance_above(t, freedom) / chance - 1.0).abs() < 1e-6, "{chance}, {freedom}: {t}");
            }
        }
        assert!((chance_above(-1.0, 3.0) + chance_above(1.0, 3.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_binomial_tail_as_counted() {
        // At least 3 of 4 coins: 5 of 16.
        assert!((binomial_chance_from(3.0, 4.0, 0.5) - 5.0 / 16.0).abs() < 1e-12);
        assert_eq!(binomial_chance_from(0.0, 4.0, 0.5), 1.0);
    }

    /// The example of the paper: 15 hypotheses, four of them found at 5 %.
    #[test]
    fn false_discoveries_as_in_the_paper() {
        let chances = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        let rates = false_discovery_rates(&chances);
        assert_eq!(rates.iter().filter(|rate| **rate <= 0.05).count(), 4);
        assert!((rates[0] - 0.0015).abs() < 1e-12);
        assert!(rates.is_sorted());
    }
}
