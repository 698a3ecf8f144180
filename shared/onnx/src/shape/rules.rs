//! The table of shape rules: which function knows an operator.

use super::site::{Inferred, Site, one, unknown};
use super::{
    Dim, convolution, create, elementwise, indexing, join, product, reduction, reshape, resize,
};

/// The shapes of a node's outputs, by its operator of the standard domain.
pub(super) fn infer(site: &Site<'_>) -> Inferred {
    match &site.node.op_type[..] {
        "Conv" | "ConvInteger" => convolution::conv(site, 1),
        "QLinearConv" => convolution::conv(site, 3),
        "ConvTranspose" => convolution::conv_transpose(site),
        "MaxPool" | "AveragePool" | "LpPool" => convolution::pool(site),
        "Col2Im" => convolution::col2im(site),
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => convolution::global_pool(site),
        "Gemm" => product::gemm(site),
        "MatMul" | "MatMulInteger" => product::matmul(site),
        "Einsum" => product::einsum(site),
        "Attention" => product::attention(site),
        "Flatten" => reshape::flatten(site),
        "Reshape" => reshape::reshape(site),
        "Transpose" => reshape::transpose(site),
        "Squeeze" => reshape::squeeze(site),
        "Unsqueeze" => reshape::unsqueeze(site),
        "DepthToSpace" => reshape::depth_to_space(site),
        "SpaceToDepth" => reshape::space_to_depth(site),
        "Concat" => join::concat(site),
        "Split" => join::split(site),
        "Slice" => join::slice(site),
        "Pad" => join::pad(site),
        "Tile" => join::tile(site),
        "Expand" => join::expand(site),
        "Gather" => indexing::gather(site),
        "GatherElements" => indexing::gather_elements(site),
        "GatherND" => indexing::gather_nd(site),
        "OneHot" => indexing::one_hot(site),
        "NonZero" => indexing::non_zero(site),
        "Compress" => indexing::compress(site),
        "NonMaxSuppression" => one(vec![Dim::Unknown, Dim::Known(3)]),
        "Resize" | "Upsample" => resize::resize(site),
        "GridSample" => resize::grid_sample(site),
        "AffineGrid" => resize::affine_grid(site),
        "RoiAlign" => resize::roi_align(site),
        "ArgMax" | "ArgMin" => reduction::arg(site),
        "TopK" => reduction::top_k(site),
        "Det" => reduction::det(site),
        "Shape" | "Size" | "ConstantOfShape" | "Range" | "RandomNormal" | "RandomUniform" => {
            create::create(site)
        }
        "LayerNormalization" | "BatchNormalization" | "DynamicQuantizeLinear" => {
            elementwise::normalization(site)
        }
        op if reduction::OPERATORS.contains(&op) => reduction::reduce(site),
        op if elementwise::BROADCASTING.contains(&op) => elementwise::broadcasting(site),
        op if elementwise::SAME.contains(&op) => elementwise::same(site),
        _ => unknown(),
    }
}
