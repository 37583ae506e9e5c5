//! Names of functions, in all the forms that Lambda takes.

use crate::arn::partition_of;

/// A function, as a `FunctionName` or a resource names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionName<'a> {
    /// Region, if the form has one.
    pub region: Option<&'a str>,
    /// Account, if the form has one.
    pub account: Option<&'a str>,
    /// The name alone.
    pub name: &'a str,
    /// Version or alias, if the form has one.
    pub qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    /// `name`, `name:qualifier`, `account:function:name[:qualifier]` or an ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (region, account, rest) = match *parts.as_slice() {
            ["arn", _, "lambda", region, account, "function", ..] => (Some(region), Some(account), &parts[6..]),
            [account, "function", ..] => (None, Some(account), &parts[2..]),
            _ => (None, None, &parts[..]),
        };
        let (name, qualifier) = match *rest {
            [name] => (name, None),
            [name, qualifier] => (name, Some(qualifier)),
            _ => return None,
        };
        let is_name = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'$' | b'.'))
        };
        (is_name(name) && qualifier.is_none_or(is_name)).then_some(Self { region, account, name, qualifier })
    }

    /// The whole ARN; what the form lacks comes from the execution.
    pub fn arn(&self, execution_region: &str, execution_account: &str) -> String {
        let (region, account) = (self.region.unwrap_or(execution_region), self.account.unwrap_or(execution_account));
        format!("arn:{}:lambda:{region}:{account}:function:{}", partition_of(region), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_lambda_are_taken() {
        let check = |text: &str, name: &str, qualifier: Option<&str>| {
            let parsed = FunctionName::parse(text).unwrap_or_else(|| panic!("{text} is a function"));
            assert_eq!((parsed.name, parsed.qualifier), (name, qualifier), "{text}");
        };
        check("f", "f", None);
        check("f:PROD", "f", Some("PROD"));
        check("123456789012:function:f", "f", None);
        check("123456789012:function:f:2", "f", Some("2"));
        check("arn:aws:lambda:us-east-1:123456789012:function:f", "f", None);
        check("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", "f", Some("$LATEST"));
    }

    #[test]
    fn what_is_no_function_is_refused() {
        for text in ["", ":", "f:", "a:b:c:d", "a b", "arn:aws:lambda:us-east-1:123456789012:layer:f", "f\n", "../x"] {
            assert_eq!(FunctionName::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_arn_is_made_whole() {
        let name = FunctionName::parse("f:1").expect("a function");
        assert_eq!(name.arn("eu-west-1", "111122223333"), "arn:aws:lambda:eu-west-1:111122223333:function:f");
        assert_eq!(name.arn("cn-north-1", "111122223333"), "arn:aws-cn:lambda:cn-north-1:111122223333:function:f");
    }
}
