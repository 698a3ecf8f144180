//! Matrix products and the contractions that `Einsum` describes.

use std::collections::HashMap;

use super::equation::Equation;
use super::site::{Inferred, Rule, Site, one, unknown};
use super::{Dim, broadcast};

/// The family's operators.
pub(super) const OPERATORS: &[(&str, Rule)] = &[
    ("Attention", attention),
    ("Einsum", einsum),
    ("Gemm", gemm),
    ("MatMul", matmul),
    ("MatMulInteger", matmul),
];

/// Whether two dimensions are known to differ.
fn differ(a: &Dim, b: &Dim) -> bool {
    matches!((a, b), (Dim::Known(a), Dim::Known(b)) if a != b)
}

fn gemm(site: &Site<'_>) -> Inferred {
    let (Some(a), Some(b)) = (site.shape(0), site.shape(1)) else {
        return unknown();
    };
    if a.len() != 2 || b.len() != 2 {
        return site.unfit();
    }
    let attributes = site.attributes();
    let turned = |name| Ok::<_, super::OnnxError>(usize::from(attributes.int(name, 0)? != 0));
    let (turned_a, turned_b) = (turned("transA")?, turned("transB")?);
    if differ(&a[1 - turned_a], &b[turned_b]) {
        return site.unfit();
    }
    one(vec![a[turned_a].clone(), b[1 - turned_b].clone()])
}

/// A vector on the left is a row, on the right a column; its axis of size 1 then vanishes.
fn matmul(site: &Site<'_>) -> Inferred {
    let (Some(a), Some(b)) = (site.shape(0), site.shape(1)) else {
        return unknown();
    };
    let (batch_a, rows, inner_a) = match &a[..] {
        [] => return site.unfit(),
        [inner] => (&[][..], None, inner),
        [batch @ .., rows, inner] => (batch, Some(rows), inner),
    };
    let (batch_b, inner_b, columns) = match &b[..] {
        [] => return site.unfit(),
        [inner] => (&[][..], inner, None),
        [batch @ .., inner, columns] => (batch, inner, Some(columns)),
    };
    let Some(mut shape) = broadcast(batch_a, batch_b).filter(|_| !differ(inner_a, inner_b)) else {
        return site.unfit();
    };
    shape.extend(rows.into_iter().chain(columns).cloned());
    one(shape)
}

/// `ij,jk->ik` and the like: each letter is a dimension, `...` stands for those that are broadcast.
fn einsum(site: &Site<'_>) -> Inferred {
    let shapes = (0..site.node.input.len()).map(|index| site.shape(index));
    let Some(shapes) = shapes.collect::<Option<Vec<_>>>() else {
        return unknown();
    };
    let ranks: Vec<usize> = shapes.iter().map(|shape| shape.len()).collect();
    let Some(equation) = Equation::of(site.node, &ranks)? else {
        return site.unfit();
    };
    let mut sizes: HashMap<char, Dim> = HashMap::new();
    for (labels, shape) in equation.inputs.iter().zip(shapes) {
        for (label, dim) in labels.iter().zip(shape) {
            let size = sizes.entry(*label).or_insert(Dim::Known(1));
            match broadcast(std::slice::from_ref(size), std::slice::from_ref(dim)).as_deref() {
                None => return site.unfit(),
                // Of one letter two open sizes are equal, or the graph could not run.
                Some([Dim::Unknown]) if !equation.ellipsis.contains(label) => {}
                Some(both) => both[0].clone_into(size),
            }
        }
    }
    let size = |label| sizes.get(label).cloned().unwrap_or(Dim::Unknown);
    one(equation.output.iter().map(size).collect())
}

/// The queries' positions with the values' features, per head or with the heads side by side.
fn attention(site: &Site<'_>) -> Inferred {
    let (Some(queries), Some(values)) = (site.shape(0), site.shape(2)) else {
        return unknown();
    };
    match (&queries[..], &values[..]) {
        ([batch, heads, length, _], [_, _, _, features]) => {
            one([batch, heads, length, features].map(Clone::clone).to_vec())
        }
        ([batch, length, _], [_, _, features]) => {
            let heads = |name| {
                Ok::<_, super::OnnxError>(
                    usize::try_from(site.attributes().int(name, 0)?).unwrap_or(0),
                )
            };
            let per_head = features.exactly_over(&Dim::Known(heads("kv_num_heads")?));
            let all = per_head.map_or(Dim::Unknown, |f| {
                f.times(&Dim::Known(heads("q_num_heads").unwrap_or(0)))
            });
            one(vec![batch.clone(), length.clone(), all])
        }
        _ => unknown(),
    }
}
