//! Reading and writing against stores: S3 as moto plays it, folders, and a server that fails in every way.

mod failures;
mod faulty;
mod flattened;
mod folders;
mod listings;
mod objects;
mod results;
mod support;
