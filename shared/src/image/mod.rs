//! Image bytes to network input: the one path that trainer and viewer share.
