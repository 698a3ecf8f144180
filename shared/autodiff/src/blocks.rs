//! Building blocks of several rules.

use ndarray::{Array2, ArrayD};

use super::AutodiffError;
use super::context::{Context, Cotangents, constant};
use onnx_edit::pb::{NodeProto, TensorProto, tensor_proto::DataType};
use onnx_edit::{Attributes, Dim, int_tensor};

impl Context<'_> {
    /// An axis counted from the front.
    ///
    /// # Errors
    /// Where it is outside the rank.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, AutodiffError> {
        onnx_edit::axis(axis, rank)
            .ok_or_else(|| self.unsupported(format!("axis {axis} is outside its rank {rank}")))
    }

    /// The size of a value along an axis, where it is a number.
    pub(super) fn size_along(&self, value: &str, axis: usize) -> Option<usize> {
        self.shapes.get(value)?.get(axis).and_then(Dim::known)
    }

    /// The size of a value along an axis as an int64 vector of one element; asked at run time where it is open.
    pub(super) fn length(&mut self, value: &str, axis: usize) -> String {
        if let Some(size) = self.size_along(value, axis) {
            return self.ints(&[size as i64]);
        }
        let shape = self.op("Shape", &[value]);
        let axis = self.ints(&[axis as i64]);
        self.op("Gather", &[&shape, &axis])
    }

    /// The spatial sizes of a value, those that are numbers.
    pub(super) fn open_spatial(&self, value: &str, spatial: usize) -> Vec<Option<usize>> {
        (2..2 + spatial)
            .map(|axis| self.size_along(value, axis))
            .collect()
    }

    /// `dy` divided by the number of elements of the node's first input along the given axes, over which the node's output
    /// is a mean; counted at run time where a size is open.
    pub(super) fn share(&mut self, dy: &str, axes: &[i64]) -> String {
        let (x, y) = (self.input(0).to_owned(), self.output().to_owned());
        let count = axes.iter().try_fold(1usize, |count, &axis| {
            count.checked_mul(self.size_along(&x, usize::try_from(axis).ok()?)?)
        });
        if let Some(count) = count {
            let share = self.scalar(1.0 / count as f32);
            return self.op("Mul", &[dy, &share]);
        }
        let (all, kept) = (self.op("Size", &[&x]), self.op("Size", &[&y]));
        let count = self.op("Div", &[&all, &kept]);
        let count = self.op("CastLike", &[&count, dy]);
        self.op("Div", &[dy, &count])
    }

    /// The tensor that a value holds, whatever the model's input: an initializer or a constant.
    pub(super) fn held(&self, value: &str) -> Option<&TensorProto> {
        let graph = self.builder.graph();
        let made = |node: &&NodeProto| {
            node.op_type == "Constant" && node.output.iter().any(|output| output == value)
        };
        graph
            .initializer
            .iter()
            .find(|tensor| tensor.name == value)
            .or_else(|| {
                let node = graph.node.iter().find(made)?;
                Attributes(node).tensor("value").ok().flatten()
            })
    }

    /// The number of elements of a value, where it is known.
    fn elements(&self, value: &str) -> Option<i64> {
        let shape = self.shapes.numbers(value)?;
        let count = shape
            .iter()
            .try_fold(1usize, |count, &size| count.checked_mul(size))?;
        i64::try_from(count).ok()
    }

    /// A constant in the type that the node computes in.
    pub(super) fn floats(&mut self, values: &ArrayD<f32>) -> String {
        let name = self.builder.fresh("grad/constant");
        let tensor = TensorProto {
            name: name.clone(),
            ..constant(values, self.kind())
        };
        self.builder.graph_mut().initializer.push(tensor);
        name
    }

    /// An int64 scalar.
    pub(super) fn int(&mut self, value: i64) -> String {
        let name = self.builder.fresh("grad/constant");
        let mut tensor = int_tensor(&name, &[value]);
        tensor.dims.clear();
        self.builder.graph_mut().initializer.push(tensor);
        name
    }

    /// Zeros in the shape of `like`.
    pub(super) fn zeros_like(&mut self, like: &str) -> String {
        let kind = self.types.floating(like).unwrap_or(self.kind());
        let zero = self.scalar_of(0.0, kind);
        let shape = self.shape_of(like);
        self.op("Expand", &[&zero, &shape])
    }

    /// The cotangent of an input that the output depends on in jumps only: zeros, where it is asked for.
    pub(super) fn zeros_where_wanted(&mut self, index: usize) -> Option<String> {
        let input = self.input(index).to_owned();
        self.wants(index).then(|| self.zeros_like(&input))
    }

    /// 1 where `condition` (a boolean value) holds, elsewhere 0.
    pub(super) fn indicator(&mut self, condition: &str) -> String {
        let (one, zero) = (self.scalar(1.0), self.scalar(0.0));
        self.op("Where", &[condition, &one, &zero])
    }

    /// `dx = dy · slope`, for the operators that act on each element alone.
    pub(super) fn scaled(&mut self, dy: &str, slope: &str) -> Cotangents {
        Ok(vec![Some(self.op("Mul", &[dy, slope]))])
    }

    /// Copies the node with other inputs; returns its first output.
    pub(super) fn again(&mut self, inputs: Vec<String>) -> String {
        let wish = format!(
            "grad/{}/{}",
            onnx_edit::node_name(self.node),
            self.node.op_type
        );
        let output = self.builder.fresh(&wish);
        self.builder.graph_mut().node.push(NodeProto {
            name: output.clone(),
            input: inputs,
            output: vec![output.clone()],
            ..self.node.clone()
        });
        output
    }

    /// Where each element of `value` stands in it, flattened: int64, in its shape.
    pub(super) fn positions(&mut self, value: &str) -> String {
        let count = match self.elements(value) {
            Some(count) => self.int(count),
            None => self.op("Size", &[value]),
        };
        let (zero, one) = (self.int(0), self.int(1));
        let range = self.op("Range", &[&zero, &count, &one]);
        self.reshape_like(&range, value)
    }

    /// Adds up the elements of `dy` at `positions` of a value in the shape of `like`; those of half precision in single, which
    /// is more exact, and which every runtime can add up.
    pub(super) fn gathered(&mut self, dy: &str, positions: &str, like: &str) -> String {
        let flat = self.ints(&[-1]);
        let mut dy = self.op("Reshape", &[dy, &flat]);
        let kind = self.kind();
        let half = [DataType::Float16, DataType::Bfloat16].contains(&kind);
        let precise = if half { DataType::Float } else { kind };
        if half {
            dy = self.cast_to(&dy, precise);
        }
        let positions = self.op("Reshape", &[positions, &flat]);
        let count = match self.elements(like) {
            Some(count) => self.ints(&[count]),
            None => {
                let (count, one) = (self.op("Size", &[like]), self.ints(&[1]));
                self.op("Reshape", &[&count, &one])
            }
        };
        let zero = self.scalar_of(0.0, precise);
        let zeros = self.op("Expand", &[&zero, &count]);
        let attributes = [("axis", 0.into()), ("reduction", "add".into())];
        let mut sums = self.node("ScatterElements", &[&zeros, &positions, &dy], attributes);
        if half {
            sums = self.cast_to(&sums, kind);
        }
        self.reshape_like(&sums, like)
    }

    /// Applies a matrix `[to, from]` to each line of `value` along an axis. The matrix multiplies from the side that needs no
    /// transposition where it can.
    pub(super) fn along(
        &mut self,
        value: &str,
        rank: usize,
        axis: usize,
        map: &Array2<f32>,
    ) -> String {
        if axis + 1 == rank {
            let map = self.floats(&map.t().to_owned().into_dyn());
            return self.op("MatMul", &[value, &map]);
        }
        if axis + 2 == rank {
            let map = self.floats(&map.clone().into_dyn());
            return self.op("MatMul", &[&map, value]);
        }
        let mut order: Vec<i64> = (0..rank as i64).collect();
        order.swap(axis, rank - 1);
        let swapped = self.node("Transpose", &[value], [("perm", order.clone().into())]);
        let mapped = self.along(&swapped, rank, rank - 1, map);
        self.node("Transpose", &[&mapped], [("perm", order.into())])
    }

    /// The transpose of picking `positions` along an axis of `size` elements: element `k` of `value` goes to
    /// `positions[k]`, and zeros elsewhere. No position may occur twice.
    pub(super) fn placed(
        &mut self,
        value: &str,
        rank: usize,
        axis: usize,
        positions: &[usize],
        size: usize,
    ) -> String {
        let count = positions.len();
        let start = positions.first().copied().unwrap_or(0);
        if positions.iter().copied().eq(start..start + count) {
            return self.padded(value, rank, axis, start, size - start - count);
        }
        // Each place takes its element; the empty ones take the zero that is put behind the last element.
        let mut sources = vec![count as i64; size];
        for (source, &position) in positions.iter().enumerate() {
            sources[position] = source as i64;
        }
        let extended = self.padded(value, rank, axis, 0, 1);
        let sources = self.ints(&sources);
        let axis = [("axis", (axis as i64).into())];
        self.node("Gather", &[&extended, &sources], axis)
    }

    /// Zeros before and behind `value` along one axis.
    pub(super) fn padded(
        &mut self,
        value: &str,
        rank: usize,
        axis: usize,
        before: usize,
        after: usize,
    ) -> String {
        if before == 0 && after == 0 {
            return value.to_owned();
        }
        let mut pads = vec![0; 2 * rank];
        (pads[axis], pads[rank + axis]) = (before as i64, after as i64);
        let pads = self.ints(&pads);
        self.op("Pad", &[value, &pads])
    }

    fn cast_to(&mut self, value: &str, kind: DataType) -> String {
        self.node("Cast", &[value], [("to", i64::from(kind as i32).into())])
    }

    /// The two halves of a vector; `sizes` is an int64 vector that holds the length of each.
    pub(super) fn halves(&mut self, vector: &str, sizes: &str) -> [String; 2] {
        let first = self.op("Split", &[vector, sizes]);
        let second = self.builder.fresh(&format!("{first}/second"));
        if let Some(node) = self.builder.graph_mut().node.last_mut() {
            node.output.push(second.clone());
        }
        [first, second]
    }

    /// The elements of `value` from `start` to `end` along one axis; both are int64 vectors of one element.
    pub(super) fn sliced(&mut self, value: &str, axis: usize, start: &str, end: &str) -> String {
        let axis = self.ints(&[axis as i64]);
        self.op("Slice", &[value, start, end, &axis])
    }

    /// Undoes broadcasting where only the run can tell along which axes `to` was repeated: its elements' positions are
    /// repeated likewise, and the cotangent's elements are added up there.
    pub(super) fn unrepeated(&mut self, cotangent: &str, to: &str) -> String {
        let positions = self.positions(to);
        let shape = self.op("Shape", &[cotangent]);
        let repeated = self.op("Expand", &[&positions, &shape]);
        self.gathered(cotangent, &repeated, to)
    }
}
