//! The chain keeps the rules that it is there to keep.
