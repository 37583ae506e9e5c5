//! What both sides make ARNs of, since they must call a function by the same name.

/// Account of who does not say another.
pub const ACCOUNT_DEFAULT: &str = "123456789012";
/// Region of who does not say another.
pub const REGION_DEFAULT: &str = "us-east-1";

/// The partition that a region is part of.
pub fn partition_of(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
