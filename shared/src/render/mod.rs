//! Attributions to pictures. Knows only arrays.
