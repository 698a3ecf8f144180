//! Files with the same bytes: HAM10000 and the folders that people collect hold some.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};
use pellucid_shared::files;
use rayon::prelude::*;

use super::{Item, MOST_IMAGE_BYTES, Picture};

/// Gives groups that share an image file, byte for byte, one name, so that no image is both trained on and tested on.
///
/// Only files of equal length are read.
///
/// # Errors
/// Where a file cannot be read.
pub(super) fn join_groups(items: &mut [Item]) -> Result<()> {
    let mut by_length: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        if let Picture::File(path) = &item.picture {
            let length = fs::metadata(path)
                .with_context(|| format!("the image {} cannot be read", path.display()))?
                .len();
            by_length.entry(length).or_default().push(index);
        }
    }
    let mut alike: Vec<Vec<usize>> = by_length.into_values().filter(|i| i.len() > 1).collect();
    alike.sort();
    let pairs: Vec<Vec<(usize, usize)>> = alike
        .par_iter()
        .map(|indices| identical(items, indices))
        .collect::<Result<_>>()?;
    for (first, second) in pairs.into_iter().flatten() {
        let (keep, join) = (items[first].group.clone(), items[second].group.clone());
        if keep != join {
            for item in items.iter_mut().filter(|item| item.group == join) {
                item.group.clone_from(&keep);
            }
        }
    }
    Ok(())
}

/// Each index with the first one of the same bytes.
fn identical(items: &[Item], indices: &[usize]) -> Result<Vec<(usize, usize)>> {
    let mut first: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut pairs = vec![];
    for &index in indices {
        let Picture::File(path) = &items[index].picture else {
            continue;
        };
        let bytes = files::read(path, MOST_IMAGE_BYTES)
            .with_context(|| format!("the image {} cannot be read", path.display()))?;
        match first.get(&bytes) {
            Some(&earlier) => pairs.push((earlier, index)),
            None => {
                first.insert(bytes, index);
            }
        }
    }
    Ok(pairs)
}
