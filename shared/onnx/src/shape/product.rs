//! Matrix products and the contractions that `Einsum` describes.

use std::collections::HashMap;

use super::site::{Inferred, Rule, Site, one, unknown};
use super::{Dim, Shape, broadcast};

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
    let equation: String = site
        .attributes()
        .string("equation", "")?
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&equation[..], None),
    };
    let spelled = equation.replace("...", "").replace("->", "");
    if let Some(odd) = spelled
        .chars()
        .find(|&c| !c.is_ascii_alphabetic() && c != ',')
    {
        return Err(site.error(format!(
            "`equation` holds `{}`, which is not a letter",
            odd.escape_debug()
        )));
    }
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != site.node.input.len() {
        return Err(
            site.error("`equation` has a different number of terms than the node has inputs")
        );
    }
    let mut sizes: HashMap<char, Dim> = HashMap::new();
    let mut rest: Shape = vec![];
    for (index, term) in terms.iter().enumerate() {
        let Some(shape) = site.shape(index) else {
            return unknown();
        };
        let (before, after) = term.split_once("...").unwrap_or((term, ""));
        let (front, back) = (before.chars().count(), after.chars().count());
        let fits = if term.contains("...") {
            front + back <= shape.len()
        } else {
            front == shape.len()
        };
        if !fits {
            return site.unfit();
        }
        let own = &shape[front..shape.len() - back];
        let letters = before.chars().zip(&shape[..front]);
        for (letter, dim) in letters.chain(after.chars().zip(&shape[shape.len() - back..])) {
            let size = sizes.entry(letter).or_insert_with(|| dim.clone());
            if *size == Dim::Known(1)
                || (size.known().is_none() && dim.known().is_some_and(|d| d != 1))
            {
                dim.clone_into(size);
            } else if differ(size, dim) && *dim != Dim::Known(1) {
                return site.unfit();
            }
        }
        if term.contains("...") {
            let Some(both) = broadcast(&rest, own) else {
                return site.unfit();
            };
            rest = both;
        }
    }
    let implicit = || {
        let mut once: Vec<char> = sizes
            .keys()
            .copied()
            .filter(|&c| left.matches(c).count() == 1)
            .collect();
        once.sort_unstable();
        let open = if left.contains("...") { "..." } else { "" };
        open.chars().chain(once).collect::<String>()
    };
    let right = right.map_or_else(implicit, str::to_owned);
    let mut seen = std::collections::HashSet::new();
    if !right.chars().filter(|&c| c != '.').all(|c| seen.insert(c)) {
        return Err(site.error("`equation` has a letter twice on the right"));
    }
    let (before, after) = right.split_once("...").unwrap_or((&right, ""));
    let dims = |letters: &str| {
        letters
            .chars()
            .map(|c| sizes.get(&c).cloned())
            .collect::<Option<Shape>>()
    };
    let (Some(mut shape), Some(after)) = (dims(before), dims(after)) else {
        return Err(site.error("`equation` has a letter on the right that no input has"));
    };
    if right.contains("...") {
        shape.extend(rest);
    }
    shape.extend(after);
    one(shape)
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
