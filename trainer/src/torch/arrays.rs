//! Arrays of ndarray as libtorch's tensors, and back.

use anyhow::Result;
use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};
use tch::kind::Element;
use tch::{Device, TchError, Tensor};

/// A copy of an array, in its shape, on the CPU.
pub(crate) fn to_tensor<T, S, D>(array: &ArrayBase<S, D>) -> Result<Tensor>
where
    T: Element + Clone,
    S: Data<Elem = T>,
    D: Dimension,
{
    let shape: Vec<i64> = array.shape().iter().map(|&d| d as i64).collect();
    let contiguous = array.as_standard_layout();
    let values = contiguous.as_slice().unwrap_or_default();
    Ok(Tensor::f_from_slice(values)?.f_reshape(shape)?)
}

/// A copy of a tensor on any device and of any kind, as numbers of `T`.
pub(crate) fn to_array<T>(tensor: &Tensor) -> Result<ArrayD<T>>
where
    T: Element,
    for<'a> Vec<T>: TryFrom<&'a Tensor, Error = TchError>,
{
    let shape: Vec<usize> = tensor.size().iter().map(|&d| d as usize).collect();
    let flat = tensor
        .detach()
        .f_to_device(Device::Cpu)?
        .f_to_kind(T::KIND)?
        .f_flatten(0, -1)?;
    let values = Vec::<T>::try_from(&flat)?;
    Ok(ArrayD::from_shape_vec(IxDyn(&shape), values)?)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, Axis};
    use tch::Kind;

    use super::*;

    #[test]
    fn arrays_of_any_layout_keep_their_values_and_shape() {
        let array = Array::from_shape_fn((2, 3, 4), |(a, b, c)| (100 * a + 10 * b + c) as f32);
        let turned = array.view().permuted_axes([2, 0, 1]);
        let tensor = to_tensor(&turned).unwrap();
        assert_eq!((tensor.size(), tensor.kind()), (vec![4, 2, 3], Kind::Float));
        assert_eq!(tensor.double_value(&[3, 1, 2]), 123.0);
        assert_eq!(to_array::<f32>(&tensor).unwrap(), turned.into_dyn());
        let row = to_tensor(&array.index_axis(Axis(0), 1)).unwrap();
        assert_eq!(row.double_value(&[0, 3]), 103.0);
    }

    #[test]
    fn other_kinds_no_elements_and_no_axes_are_arrays_too() {
        let bytes = to_tensor(&Array::from_vec(vec![0_u8, 255])).unwrap();
        assert_eq!(bytes.kind(), Kind::Uint8);
        assert_eq!(
            to_array::<f64>(&bytes).unwrap().as_slice(),
            Some(&[0.0, 255.0][..])
        );
        let empty = Array::<f32, _>::zeros((0, 3));
        assert_eq!(
            to_array::<f32>(&to_tensor(&empty).unwrap()).unwrap(),
            empty.into_dyn()
        );
        let number = to_array::<f32>(&Tensor::from(2.5_f32)).unwrap();
        assert_eq!((number.ndim(), number.first()), (0, Some(&2.5)));
    }
}
