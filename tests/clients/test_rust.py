"""AWS SDK for Rust, as the crate's own Cargo.lock pins it."""
import pytest
from sdk import drive, need, run

pytestmark = pytest.mark.heavy


def test_rust(server):
    need("cargo")
    run(["cargo", "build", "--quiet", "--locked", "--target-dir", "target"], "rust", 1800)
    drive(server, ["target/debug/baton-rust-client"], "rust")
