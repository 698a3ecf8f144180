//! Constant targets of `Reshape`, into which exporters write the batch.

use super::super::pb::NodeProto;
use super::super::{Attributes, Dim, OnnxError, Shapes};

/// A target under which `node` does to every image of the new batch what it did to each of the old; `None` where the one
/// it has is as good, or where that cannot be told.
///
/// The batch lies along one axis of the input. Everything before that axis is counted out first, so the batch arrives at
/// the axis of the output before which there are as many elements; it may be multiplied with others there, as in `[12*N,
/// 197, 64]`, the heads of all images. That axis takes what is left (`-1`), or copies the input's (`0`) where it is the
/// batch itself and stays in its place.
pub(super) fn retargeted(
    node: &NodeProto,
    old: &Shapes,
    new: &Shapes,
    batch: usize,
) -> Result<Option<Vec<i64>>, OnnxError> {
    let standard = node.domain.is_empty() || node.domain == "ai.onnx";
    let ([data, target, ..], [result]) = (&node.input[..], &node.output[..]) else {
        return Ok(None);
    };
    if node.op_type != "Reshape" || !standard || batch == 0 {
        return Ok(None);
    }
    let copies = Attributes(node).int("allowzero", 0)? == 0;
    let (Some(target), Some(after)) = (new.constant(target), new.get(data)) else {
        return Ok(None);
    };
    let (Some(before), Some(result)) = (old.numbers(data), old.numbers(result)) else {
        return Ok(None);
    };
    Ok(replace(target, &before, after, &result, batch, copies))
}

fn replace(
    target: &[i64],
    before: &[usize],
    after: &[Dim],
    result: &[usize],
    batch: usize,
    copies: bool,
) -> Option<Vec<i64>> {
    if target.len() != result.len() || before.len() != after.len() {
        return None;
    }
    let mut moved = (0..before.len()).filter(|&axis| after[axis] != Dim::Known(before[axis]));
    let from = moved.next().filter(|_| moved.next().is_none())?;
    let rows = elements(&before[..from])?;
    let fits =
        |to: usize| elements(&result[..to]) == Some(rows) && result[to].is_multiple_of(batch);
    let stays = from < result.len() && fits(from) && result[from] == before[from];
    // Tokens before the batch, `[197, 1, 768]` or the heads' `[197, 12, 64]`, as the rows of a matrix, `[197, 768]`.
    let matrix = rows > 1 && result.len() == 2 && Some(result[0]) == rows.checked_mul(batch);
    let merged = matrix.then_some(0);
    // The rows come apart again, `[197, 768]` as `[197, 1, 768]`.
    let shapes = (before.len(), result.len(), from);
    let rows_apart = shapes == (2, 3, 0) && result[..2] == [before[0], batch] && before[0] != batch;
    let apart = rows_apart.then_some(1);
    let stays = stays && apart.is_none();
    let to = match (stays, apart.or(merged)) {
        (true, _) => from,
        (false, Some(to)) => to,
        (false, None) => (0..result.len()).find(|&to| fits(to))?,
    };
    if target[to] == -1 || (target[to] == 0 && copies) {
        return None;
    }
    let mut new = target.to_vec();
    if stays && copies {
        new[to] = 0;
        return Some(new);
    }
    for (entry, &size) in new
        .iter_mut()
        .zip(result)
        .filter(|(entry, _)| **entry == -1)
    {
        *entry = i64::try_from(size).ok()?;
    }
    new[to] = -1;
    Some(new)
}

fn elements(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The new target where the batch of one becomes `N` on the `from`-th axis.
    fn new(target: &[i64], before: &[usize], from: usize, result: &[usize]) -> Option<Vec<i64>> {
        let mut after: Vec<Dim> = before.iter().map(|&size| Dim::Known(size)).collect();
        after[from] = Dim::Named("N".into());
        replace(target, before, &after, result, 1, true)
    }

    #[test]
    fn the_batch_goes_where_as_many_elements_lie_before_it() {
        // The end of a classifier.
        assert_eq!(
            new(&[1, 512], &[1, 512, 1, 1], 0, &[1, 512]),
            Some(vec![0, 512])
        );
        assert_eq!(
            new(&[1, -1], &[1, 512, 1, 1], 0, &[1, 512]),
            Some(vec![0, -1])
        );
        // Heads taken out of the channels, into the batch, and out of it again.
        let heads = [1, 197, 12, 64];
        assert_eq!(
            new(&heads.map(|d| d as i64), &[1, 197, 768], 0, &heads),
            Some(vec![0, 197, 12, 64])
        );
        assert_eq!(
            new(&[12, -1, 64], &[1, 12, 197, 64], 0, &[12, 197, 64]),
            Some(vec![-1, 197, 64])
        );
        assert_eq!(
            new(&[1, 12, 197, 64], &[12, 197, 64], 0, &[1, 12, 197, 64]),
            Some(vec![-1, 12, 197, 64])
        );
        // Tokens before the batch, as PyTorch's attention has them.
        assert_eq!(
            new(&[197, 12, 64], &[197, 1, 768], 1, &[197, 12, 64]),
            Some(vec![197, -1, 64])
        );
        assert_eq!(
            new(&[197, 1, 768], &[197, 12, 64], 1, &[197, 1, 768]),
            Some(vec![197, -1, 768])
        );
        assert_eq!(
            new(&[1, 1, 12, 64], &[1, 1, 768], 1, &[1, 1, 12, 64]),
            Some(vec![1, 0, 12, 64])
        );
    }

    #[test]
    fn rows_of_tokens_and_images_stay_rows() {
        for before in [[17, 1, 64], [17, 4, 16]] {
            assert_eq!(new(&[17, 64], &before, 1, &[17, 64]), Some(vec![-1, 64]));
        }
        // And come apart again.
        assert_eq!(
            new(&[17, 1, 64], &[17, 64], 0, &[17, 1, 64]),
            Some(vec![17, -1, 64])
        );
    }

    #[test]
    fn what_takes_any_batch_stays() {
        assert_eq!(new(&[-1, 512], &[1, 512, 1, 1], 0, &[1, 512]), None);
        assert_eq!(new(&[0, -1], &[1, 512, 1, 1], 0, &[1, 512]), None);
    }
}
