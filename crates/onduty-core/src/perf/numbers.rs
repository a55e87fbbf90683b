//! The little mathematics that the statistics need: medians, a linear system, distributions.

use statrs::distribution::{ContinuousCDF, StudentsT};

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

/// A symmetric positive definite matrix, row by row.
#[derive(Debug, Clone)]
pub struct Matrix {
    size: usize,
    cells: Vec<f64>,
}

impl Matrix {
    /// The matrix of `cell(row, column)`.
    pub fn of(size: usize, cell: impl Fn(usize, usize) -> f64) -> Matrix {
        let mut cells = Vec::with_capacity(size * size);
        for row in 0..size {
            cells.extend((0..size).map(|column| cell(row, column)));
        }
        Matrix { size, cells }
    }

    /// Adds to a cell of the diagonal.
    pub fn add_to_diagonal(&mut self, at: usize, more: f64) {
        self.cells[at * self.size + at] += more;
    }

    /// Its inverse, by Cholesky's decomposition; `None` when it is not positive definite.
    pub fn inverse(mut self) -> Option<Matrix> {
        let size = self.size;
        // The lower triangle becomes L with L·Lᵀ = the matrix.
        for row in 0..size {
            for column in 0..=row {
                let mut sum = self.cells[row * size + column];
                for at in 0..column {
                    sum -= self.cells[row * size + at] * self.cells[column * size + at];
                }
                self.cells[row * size + column] = if row == column {
                    if sum.is_nan() || sum <= 0.0 {
                        return None;
                    }
                    sum.sqrt()
                } else {
                    sum / self.cells[column * size + column]
                };
            }
        }
        // L becomes its own inverse.
        for column in 0..size {
            self.cells[column * size + column] = 1.0 / self.cells[column * size + column];
            for row in column + 1..size {
                let mut sum = 0.0;
                for at in column..row {
                    sum -= self.cells[row * size + at] * self.cells[at * size + column];
                }
                self.cells[row * size + column] = sum / self.cells[row * size + row];
            }
        }
        let lower = &self.cells;
        let cell = |row: usize, column: usize| -> f64 {
            (row.max(column)..size).map(|at| lower[at * size + row] * lower[at * size + column]).sum()
        };
        Some(Matrix::of(size, cell))
    }

    /// The matrix times a vector.
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        self.cells.chunks_exact(self.size.max(1)).map(|row| dot(row, vector)).collect()
    }

    /// A cell of the diagonal.
    pub fn diagonal(&self, at: usize) -> f64 {
        self.cells[at * self.size + at]
    }
}

/// The sum of products.
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// The chance that a value of Student's t with `freedom` degrees exceeds `t`.
pub fn chance_above(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.cdf(-t))
}

/// What Student's t with `freedom` degrees exceeds with the chance `chance`.
pub fn exceeded_with(chance: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.inverse_cdf(1.0 - chance))
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
        let matrix = Matrix::of(5, |row, column| 25.0 + if row == column { 0.1 * (row + 1) as f64 } else { 0.0 });
        let inverse = matrix.clone().inverse().unwrap();
        for row in 0..5 {
            let unit: Vec<f64> = (0..5).map(|at| f64::from(u8::from(at == row))).collect();
            let back = matrix.times(&inverse.times(&unit));
            for (at, value) in back.iter().enumerate() {
                assert!((value - unit[at]).abs() < 1e-9, "row {row}, column {at}: {value}");
            }
        }
        assert!(Matrix::of(2, |_, _| 1.0).inverse().is_none());
    }

    #[test]
    fn student_as_in_the_tables() {
        assert!((chance_above(2.228, 10.0) - 0.025).abs() < 1e-4);
        assert!((exceeded_with(0.025, 10.0) - 2.228).abs() < 1e-3);
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
