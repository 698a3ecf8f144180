//! Where images and labels come from: phantoms, HAM10000, folders; splits.
