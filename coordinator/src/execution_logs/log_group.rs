//! ARNs of log groups.

/// `arn:aws:logs:<region>:<account>:log-group:<name>:*`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogGroup<'a> {
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) name: &'a str,
}

impl<'a> LogGroup<'a> {
    /// `None` for what is no such ARN. The `:*` may be missing.
    pub(super) fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        if parts.next() != Some("arn") || parts.next().is_none_or(str::is_empty) || parts.next() != Some("logs") {
            return None;
        }
        let (region, account) = (parts.next()?, parts.next()?);
        let name = parts.next()?.strip_prefix("log-group:")?;
        let name = name.strip_suffix(":*").unwrap_or(name);
        (!name.is_empty() && !name.contains(':')).then_some(Self { region, account, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_log_groups_are_read_and_others_are_not() {
        let group = LogGroup { region: "eu-west-1", account: "123456789012", name: "/aws/vendedlogs/states/orders" };
        for arn in [
            "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/vendedlogs/states/orders:*",
            "arn:aws-cn:logs:eu-west-1:123456789012:log-group:/aws/vendedlogs/states/orders",
        ] {
            assert_eq!(LogGroup::parse(arn), Some(group));
        }
        for arn in [
            "",
            "orders",
            "arn:aws:s3:::orders",
            "arn:aws:logs:eu-west-1:123456789012:log-group::*",
            "arn:aws:logs:eu-west-1:123456789012:log-group:orders:log-stream:x",
            "arn:aws:logs:eu-west-1:123456789012:destination:orders",
        ] {
            assert_eq!(LogGroup::parse(arn), None, "{arn}");
        }
    }
}
