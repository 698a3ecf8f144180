//! `Col2Im` as the transposed convolution that it is: every element of a block goes to its own place, and what meets there is
//! added up. Differentiating and tract know that operator, and not `Col2Im`.

use ndarray::ArrayD;

use super::pb::{NodeProto, tensor_proto::DataType};
use super::{AttributeValue, Attributes, GraphBuilder, OnnxError, Shapes, typed_tensor};

/// The weights hold the square of a block's elements.
const LARGEST_BLOCK: usize = 1024;

/// Shapes and attributes of a node in which all is known that its definition needs.
pub struct Blocks {
    channels: i64,
    /// Elements of a block.
    elements: usize,
    block: Vec<i64>,
    image: Vec<i64>,
    /// Blocks along every axis.
    counts: Vec<i64>,
    strides: Vec<i64>,
    dilations: Vec<i64>,
    pads: Vec<i64>,
    /// Pixels behind the last block.
    rest: Vec<i64>,
}

impl Blocks {
    /// `None` where channels, image or block are open, do not fit together, or where a block is larger than 1024 elements.
    ///
    /// # Errors
    /// Where an attribute has another type than the specification's.
    pub fn of(node: &NodeProto, shapes: &Shapes) -> Result<Option<Self>, OnnxError> {
        let constant = |index: usize| shapes.constant(node.input.get(index)?);
        let columns = node
            .input
            .first()
            .and_then(|x| shapes.get(x)?.get(1)?.known());
        let (Some(image), Some(block), Some(columns)) = (constant(1), constant(2), columns) else {
            return Ok(None);
        };
        let attributes = Attributes(node);
        let rank = image.len();
        let list = |name: &str, count: usize, default: i64| -> Result<Vec<i64>, OnnxError> {
            Ok(attributes
                .ints(name)?
                .map_or(vec![default; count], <[i64]>::to_vec))
        };
        let (strides, dilations) = (list("strides", rank, 1)?, list("dilations", rank, 1)?);
        let pads = list("pads", rank.saturating_mul(2), 0)?;
        Ok(Self::fitting(
            image, block, columns, strides, dilations, pads,
        ))
    }

    fn fitting(
        image: &[i64],
        block: &[i64],
        columns: usize,
        strides: Vec<i64>,
        dilations: Vec<i64>,
        pads: Vec<i64>,
    ) -> Option<Self> {
        let rank = image.len();
        let lengths = [block.len(), strides.len(), dilations.len(), pads.len() / 2];
        let negative = pads.iter().any(|&pad| pad < 0) || dilations.iter().any(|&d| d < 1);
        if rank == 0 || lengths != [rank; 4] || negative {
            return None;
        }
        let elements = block.iter().try_fold(1usize, |product, &size| {
            let product = product.checked_mul(usize::try_from(size).ok()?)?;
            (1..=LARGEST_BLOCK).contains(&product).then_some(product)
        })?;
        let (mut counts, mut rest) = (vec![], vec![]);
        for axis in 0..rank {
            let extent = dilations[axis]
                .checked_mul(block[axis] - 1)?
                .checked_add(1)?;
            let padded = image[axis]
                .checked_add(pads[axis])?
                .checked_add(pads[axis + rank])?;
            let room = padded.checked_sub(extent).filter(|&room| room >= 0)?;
            let stride = Some(strides[axis]).filter(|&stride| stride > 0)?;
            counts.push(room / stride + 1);
            rest.push(room % stride);
        }
        let whole = columns.is_multiple_of(elements);
        Some(Self {
            channels: whole.then(|| i64::try_from(columns / elements).ok())??,
            elements,
            block: block.to_vec(),
            image: image.to_vec(),
            counts,
            strides,
            dilations,
            pads,
            rest,
        })
    }

    /// Appends the definition of `node` in that floating-point type, its nodes called by `name`; the last one makes the output,
    /// which is returned. `None` where there is no such type.
    pub fn define(
        &self,
        builder: &mut GraphBuilder,
        x: &str,
        kind: DataType,
        name: &str,
    ) -> Option<String> {
        let wish = |what: &str| format!("{name}/{what}");
        // One image of so many channels as a block has elements, per channel of the image that is made.
        let apart = [&[-1, self.elements as i64], &self.counts[..]].concat();
        let apart = builder.ints(&wish("apart"), &apart);
        let blocks = builder.node("Reshape", &wish("blocks"), &[x, &apart], []);
        let mut shape = vec![self.elements, 1];
        shape.extend(self.block.iter().map(|&size| size as usize));
        let identity = (0..self.elements * self.elements)
            .map(|index| f32::from(u8::from(index / self.elements == index % self.elements)));
        let identity = ArrayD::from_shape_vec(shape, identity.collect()).ok()?;
        let places = builder.shared(&wish("places"), typed_tensor("", &identity, kind)?);
        let attributes: [(&str, AttributeValue); 5] = [
            ("kernel_shape", self.block.clone().into()),
            ("strides", self.strides.clone().into()),
            ("dilations", self.dilations.clone().into()),
            ("pads", self.pads.clone().into()),
            ("output_padding", self.rest.clone().into()),
        ];
        let laid = builder.node(
            "ConvTranspose",
            &wish("laid"),
            &[&blocks, &places],
            attributes,
        );
        let together = [&[-1, self.channels], &self.image[..]].concat();
        let together = builder.ints(&wish("together"), &together);
        Some(builder.node("Reshape", &wish("image"), &[&laid, &together], []))
    }
}
