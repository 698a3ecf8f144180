//! Measures over predictions and attributions. Knows only arrays.
