//! The shortest way from points of the unit cube to a hyperplane, within the cube.

use anyhow::Result;
use pellucid_shared::card::Norm;
use tch::{Kind, Tensor};

/// Beyond any multiple of a weight that is asked for: infinity times zero would be no number.
const FAR: f64 = 1e30;

/// The shortest way `d` `[N, D]`, in L∞ or else L2, with `weights · d = rise` `[N]` and `points + d` in the cube; where the cube does not reach the plane, the way
/// to the corner that comes nearest.
///
/// In either norm it goes along each coordinate towards the plane, by λ (L∞) or λ |w| (L2), but not beyond the cube's wall, with the λ at which the
/// ways add up (Croce and Hein, *Minimally distorted adversarial examples with a fast adaptive boundary attack*, 2020, appendix A). Between the walls that
/// are met the sum is linear in λ, so that walls in order of λ give it exactly. In float64, since many small numbers are added up.
pub(super) fn onto_hyperplane(
    norm: Norm,
    points: &Tensor,
    weights: &Tensor,
    rise: &Tensor,
) -> Result<Tensor> {
    let kind = points.kind();
    let (points, weights) = (points.to_kind(Kind::Double), weights.to_kind(Kind::Double));
    let rise = rise.to_kind(Kind::Double).f_unsqueeze(1)?;
    let direction = weights.f_sign()? * rise.f_sign()?;
    let above: Tensor = 1.0 - &points;
    let room = above.f_where_self(&direction.f_gt(0.0)?, &points)?;
    let moves = direction.f_ne(0.0)?.to_kind(Kind::Double);
    let room = room.f_clamp_min(0.0)? * &moves;
    let size = weights.f_abs()?;
    let pace = match norm {
        Norm::Linf => moves,
        _ => size.shallow_clone(),
    };
    // The λ at which each coordinate meets its wall.
    let walls = (&room / pace.f_clamp_min(f64::MIN_POSITIVE)?).f_clamp(0.0, FAR)?;
    let (walls, order) = walls.f_sort(1, false)?;
    let in_order = |values: Tensor| -> Result<Tensor> { Ok(values.f_gather(1, &order, false)?) };
    let slopes = &size * &pace;
    let total = slopes.f_sum_dim_intlist(&[1_i64][..], true, Kind::Double)?;
    // Behind the k-th wall: what those before it have added, and how fast the rest goes on.
    let stopped = in_order(&size * &room)?.f_cumsum(1, Kind::Double)?;
    let slope = (&total - in_order(slopes)?.f_cumsum(1, Kind::Double)?).f_clamp_min(0.0)?;
    let reached = &stopped + &walls * &slope;
    let wanted = rise.f_abs()?;
    let behind = reached.f_lt_tensor(&wanted)?;
    let behind = behind.f_sum_dim_intlist(&[1_i64][..], true, Kind::Int64)?;
    let never = behind.f_ge(points.size()[1])?;
    let at = |values: &Tensor, first: &Tensor| -> Result<Tensor> {
        let with_first = Tensor::f_cat(&[first, values], 1)?;
        Ok(with_first.f_gather(1, &behind, false)?)
    };
    let stopped = at(&stopped, &total.f_zeros_like()?)?;
    let slope = at(&slope, &total)?;
    let lambda = (wanted - stopped) / slope.f_clamp_min(f64::MIN_POSITIVE)?;
    let lambda = lambda.f_clamp(0.0, FAR)?;
    let way = (lambda * pace).f_minimum(&room)?;
    let way = room.f_where_self(&never, &way)?;
    Ok((direction * way).to_kind(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(norm: Norm, point: &[f32], weights: &[f32], rise: f32) -> Vec<f64> {
        let row = |numbers: &[f32]| Tensor::from_slice(numbers).unsqueeze(0);
        let found = onto_hyperplane(
            norm,
            &row(point),
            &row(weights),
            &Tensor::from_slice(&[rise]),
        );
        Vec::try_from(found.unwrap().squeeze_dim(0).to_kind(Kind::Double)).unwrap()
    }

    /// By hand. Free: λ = r / Σ|w| in L∞, d = w r / ‖w‖² in L2. With the first coordinate's wall 0.05 away, L∞ has 3 · 0.05 + 4 λ = 0.55, and L2 has
    /// 3 · 0.05 + 16 λ = 0.55.
    #[test]
    fn short_ways_are_those_worked_by_hand() {
        for (norm, point, weights, rise, expected) in [
            (
                Norm::Linf,
                [0.5, 0.5, 0.5],
                [3.0, 4.0, 0.0],
                0.7,
                [0.1, 0.1, 0.0],
            ),
            (
                Norm::Linf,
                [0.5, 0.5, 0.5],
                [3.0, -4.0, 0.0],
                -0.7,
                [-0.1, 0.1, 0.0],
            ),
            (
                Norm::L2,
                [0.5, 0.5, 0.5],
                [3.0, 4.0, 0.0],
                0.5,
                [0.06, 0.08, 0.0],
            ),
            (
                Norm::Linf,
                [0.95, 0.5, 0.5],
                [3.0, 4.0, 0.0],
                0.55,
                [0.05, 0.1, 0.0],
            ),
            (
                Norm::L2,
                [0.95, 0.5, 0.5],
                [3.0, 4.0, 0.0],
                0.55,
                [0.05, 0.1, 0.0],
            ),
            // Nothing to do, nowhere to go, and a plane outside of the cube.
            (
                Norm::L2,
                [0.5, 0.5, 0.5],
                [3.0, 4.0, 0.0],
                0.0,
                [0.0, 0.0, 0.0],
            ),
            (
                Norm::Linf,
                [0.5, 0.5, 0.5],
                [0.0, 0.0, 0.0],
                1.0,
                [0.0, 0.0, 0.0],
            ),
            (
                Norm::L2,
                [0.25, 0.5, 0.5],
                [1.0, -1.0, 0.0],
                9.0,
                [0.75, -0.5, 0.0],
            ),
            (
                Norm::L2,
                [0.5, 0.5, 0.5],
                [1e-20, 1.0, 0.0],
                0.25,
                [0.0, 0.25, 0.0],
            ),
        ] {
            let found = way(norm, &point, &weights, rise);
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{norm:?} {point:?} {weights:?} {rise}: {found} {expected}"
                );
            }
        }
    }
}
