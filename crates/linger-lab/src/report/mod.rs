//! What reports are made of: tables, CSV, JSON, HTML and SVG, and the folder that they are written
//! to.

pub mod csv;
pub mod folder;
pub mod html;
pub mod json;
pub mod scale;
pub mod svg;
pub mod table;
