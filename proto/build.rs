//! Compiles the contracts with protox, so that no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let contracts = ["baton/worker/v1/worker.proto", "baton/offer/v1/offer.proto", "baton/peer/v1/peer.proto"];
    let descriptors = protox::compile(contracts, ["."])?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=baton");
    Ok(())
}
