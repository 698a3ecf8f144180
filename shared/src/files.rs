//! Writing files so that nobody ever sees half of one.
