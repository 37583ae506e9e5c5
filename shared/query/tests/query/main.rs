//! What paths, intrinsic functions, JSONata and payload templates give, seen from outside.

mod fixture;
mod hostile;
mod hostile_memory;
mod intrinsics;
mod jsonata;
mod jsonata_functions;
mod jsonata_restrictions;
mod jsonpath;
mod jsonpath_filter;
mod reference_path;
mod template;
