//! Procedural dermoscopy phantoms with known lesion and cause masks.
