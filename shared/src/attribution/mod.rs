//! Attribution methods, generic over [`crate::engine::Engine`].
