//! Parts that reports are made of.

pub(crate) mod drawing;
pub mod folder;
pub(crate) mod format;
pub(crate) mod html;
pub(crate) mod scale;
