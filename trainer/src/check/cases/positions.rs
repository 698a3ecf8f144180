//! Elements picked, put and repeated.

use super::{Builder, uniform};
use pellucid_shared::onnx::OnnxError;

pub(super) fn positions(b: &mut Builder) -> Result<(), OnnxError> {
    let cube = || uniform(&[2, 3, 4], -1.0, 1.0, 120);
    b.with("Expand", uniform(&[3, 1], -1.0, 1.0, 121), vec![], |g| {
        vec![g.ints("shape", &[2, 1, 4])]
    })?;
    b.with("Slice from the end", cube(), vec![], |g| {
        [[3], [-10], [2], [-2]]
            .iter()
            .map(|list| g.ints("list", list))
            .collect()
    })?;
    b.made("Split", cube(), |g, x| {
        let sizes = g.ints("sizes", &[1, 3]);
        let first = g.node("Split", "first", &[x, &sizes], [("axis", 2.into())]);
        let second = g.fresh("second");
        if let Some(node) = g.graph_mut().node.last_mut() {
            node.output.push(second.clone());
        }
        g.node("Mul", "y", &[&first, &second], [])
    })?;
    let table = |g: &mut pellucid_shared::onnx::GraphBuilder, shape: &[i64], values: &[i64]| {
        let (shape, values) = (g.ints("shape", shape), g.ints("values", values));
        g.node("Reshape", "table", &[&values, &shape], [])
    };
    b.with("GatherElements", cube(), vec![("axis", 1.into())], |g| {
        vec![table(g, &[2, 1, 4], &[0, -1, 1, 1, 2, 0, 0, 1])]
    })?;
    b.with("GatherND", cube(), vec![], |g| {
        vec![table(g, &[2, 2], &[1, 2, 0, 2])]
    })?;
    b.with(
        "GatherND in a batch",
        cube(),
        vec![("batch_dims", 1.into())],
        |g| vec![table(g, &[2, 1], &[2, 0])],
    )?;
    b.made("ScatterElements", cube(), |g, x| {
        let places = table(g, &[2, 1, 2], &[0, 2, 1, 1]);
        let values = g.floats("new", &uniform(&[2, 1, 2], -1.0, 1.0, 122));
        g.node(
            "ScatterElements",
            "y",
            &[x, &places, &values],
            [("axis", 1.into())],
        )
    })?;
    b.made("ScatterElements adds", cube(), |g, x| {
        let places = table(g, &[2, 1, 2], &[0, 2, 1, 1]);
        let values = g.floats("new", &uniform(&[2, 1, 2], -1.0, 1.0, 123));
        let attributes = [("axis", 1.into()), ("reduction", "add".into())];
        g.node("ScatterElements", "y", &[x, &places, &values], attributes)
    })?;
    b.made("ScatterND", cube(), |g, x| {
        let places = table(g, &[2, 2], &[1, 0, 0, 2]);
        let values = g.floats("new", &uniform(&[2, 4], -1.0, 1.0, 124));
        g.node("ScatterND", "y", &[x, &places, &values], [])
    })
}
