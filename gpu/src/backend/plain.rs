//! Everything in dfdx's own operations, one by one: what devices without a kernel take, and the reference for those with.

mod adam;
mod egnn;
mod linear;
mod mlp;

pub use adam::{adam, gradient_square_sum};
pub use egnn::egnn;
pub use mlp::mlp;
