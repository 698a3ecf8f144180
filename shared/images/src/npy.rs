//! Reading `.npy` files of float32: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
//!
//! The header is a Python dictionary. Only what `numpy.save` writes is read, word by word: no nesting can exhaust the stack, and no
//! size is believed before the bytes are there.

use std::str::Chars;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use thiserror::Error;

use pellucid_files::said;

/// The longest header that is read: `numpy` pads a usual one to 128 bytes.
const LONGEST_HEADER: usize = 4096;
/// More axes than any tensor here has.
const MOST_AXES: usize = 32;

/// Why a file is no array of float32.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NpyError {
    /// Something else than an `.npy` file.
    #[error("this is not a .npy file of numpy's")]
    NoArray,
    /// A header that `numpy.save` does not write.
    #[error("its header is not one that numpy writes")]
    Header,
    /// Numbers of another type.
    #[error("it holds numbers of the type {}", said::name(_0))]
    Type(String),
    /// A shape that no file can hold.
    #[error("its shape {} is too large", told(_0))]
    Shape(Vec<usize>),
    /// More or fewer numbers than the shape takes.
    #[error(
        "it holds {found} bytes of numbers, and its shape {} takes {needed}",
        told(shape)
    )]
    Length {
        /// Bytes behind the header.
        found: usize,
        /// The shape in the header.
        shape: Vec<usize>,
        /// The bytes that it takes.
        needed: usize,
    },
}

/// What the header tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    kind: String,
    fortran: bool,
    shape: Vec<usize>,
}

/// The float32 array of a file.
///
/// # Errors
/// Where it is none, of another type, or not whole.
pub fn floats(bytes: &[u8]) -> Result<ArrayD<f32>, NpyError> {
    let (header, data) = split(bytes).ok_or(NpyError::NoArray)?;
    let header = std::str::from_utf8(header).ok().and_then(read);
    let Header {
        kind,
        fortran,
        shape,
    } = header.ok_or(NpyError::Header)?;
    let little = match &kind[..] {
        "<f4" => true,
        ">f4" => false,
        _ => return Err(NpyError::Type(kind)),
    };
    let needed = shape
        .iter()
        .try_fold(4_usize, |product, &axis| product.checked_mul(axis.max(1)))
        .filter(|_| shape.len() <= MOST_AXES);
    let Some(needed) = needed else {
        return Err(NpyError::Shape(shape));
    };
    let needed = if shape.contains(&0) { 0 } else { needed };
    let found = data.len();
    if found != needed {
        return Err(NpyError::Length {
            found,
            shape,
            needed,
        });
    }
    let number = |bytes: &[u8; 4]| match little {
        true => f32::from_le_bytes(*bytes),
        false => f32::from_be_bytes(*bytes),
    };
    let values: Vec<f32> = data.as_chunks().0.iter().map(number).collect();
    ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran), values).map_err(|_| NpyError::Shape(shape))
}

/// A shape for a message, cut after a few axes.
fn told(shape: &[usize]) -> String {
    let axes = shape.iter().map(ToString::to_string);
    format!("[{}]", said::list(axes))
}

/// Header and data, if the file has both.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (&[major, _], rest) = rest.split_first_chunk()?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
        .filter(|_| length <= LONGEST_HEADER)
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 2, 2), }`, keys in any order.
fn read(text: &str) -> Option<Header> {
    let mut header = Header::default();
    let mut found = [false; 3];
    let mut text = Words(text.chars());
    text.expect('{')?;
    while !text.take('}') {
        let key = text.quoted()?;
        text.expect(':')?;
        let place = match &key[..] {
            "descr" => {
                header.kind = text.quoted()?;
                0
            }
            "fortran_order" => {
                header.fortran = match &text.word()[..] {
                    "True" => true,
                    "False" => false,
                    _ => return None,
                };
                1
            }
            "shape" => {
                header.shape = text.tuple()?;
                2
            }
            _ => return None,
        };
        found[place] = true;
        if !text.take(',') {
            text.expect('}')?;
            break;
        }
    }
    let ends = text.0.all(char::is_whitespace);
    (ends && found == [true; 3]).then_some(header)
}

/// What is left of a header.
struct Words<'a>(Chars<'a>);

impl Words<'_> {
    fn skip_spaces(&mut self) {
        self.0 = self.0.as_str().trim_start().chars();
    }

    /// Takes the character, if it is the next.
    fn take(&mut self, wanted: char) -> bool {
        self.skip_spaces();
        let rest = self.0.as_str().strip_prefix(wanted);
        rest.map(|rest| self.0 = rest.chars()).is_some()
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        self.take(wanted).then_some(())
    }

    /// Letters and digits.
    fn word(&mut self) -> String {
        self.skip_spaces();
        let text = self.0.as_str();
        let end = text
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest.chars();
        word.to_owned()
    }

    fn quoted(&mut self) -> Option<String> {
        self.skip_spaces();
        let quote = self.0.next().filter(|c| matches!(c, '\'' | '"'))?;
        let (word, rest) = self.0.as_str().split_once(quote)?;
        self.0 = rest.chars();
        Some(word.to_owned())
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        self.expect('(')?;
        let mut numbers = vec![];
        while !self.take(')') {
            numbers.push(self.word().trim_end_matches('L').parse().ok()?);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn headers_in_every_form_of_numpys_are_read() {
        for header in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }   \n",
            "{\"shape\":(2,1),\"descr\":\"<f4\",\"fortran_order\":True}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L)}",
        ] {
            let array = floats(&file(header, &[0, 0, 128, 63, 0, 0, 0, 64])).unwrap();
            assert_eq!(array, ndarray::arr2(&[[1.0], [2.0]]).into_dyn(), "{header}");
        }
        let scalar = floats(&file(
            "{'descr':'>f4','fortran_order':False,'shape':()}",
            &[63, 128, 0, 0],
        ));
        assert_eq!(scalar.unwrap(), ndarray::arr0(1.0).into_dyn());
    }

    #[test]
    fn code_nesting_and_sizes_beyond_all_bounds_are_refused_in_a_few_words() {
        let nested = format!("{{'descr': {}", "(".repeat(40_000));
        let huge = usize::MAX.to_string();
        for header in [
            "__import__('os').system('true')".to_owned(),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), 'more': 1}".to_owned(),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}".to_owned(),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)} + 1".to_owned(),
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (0, {huge}, {huge})}}"),
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({huge}, {huge})}}"),
            format!(
                "{{'descr': '{}', 'fortran_order': False, 'shape': (1,)}}",
                "x".repeat(2_000)
            ),
            "{".to_owned(),
            nested,
        ] {
            let error = floats(&file(&header, &[])).unwrap_err().to_string();
            assert!(error.len() < 200, "{header}: {error}");
        }
        for bytes in [
            &b""[..],
            b"\x93NUMPY",
            b"\x93NUMPY\x01\x00\xff\xff{}",
            b"\x93NUMPY\x09\x00\x00\x00",
        ] {
            assert!(floats(bytes).is_err());
        }
    }
}
