//! The worker: claims task activations, runs Lambda-like handlers and reports back.
pub mod functions;
pub mod template;
