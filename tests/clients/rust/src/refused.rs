//! A call that must be refused with one of the SDK's typed errors.

/// Sends `$request` and prints the code and message of its error if that is the variant `$variant` of the SDK's `Error`.
macro_rules! refused {
    ($name:literal, $variant:ident, $request:expr) => {
        match $request.send().await.map_err(aws_sdk_sfn::Error::from) {
            Err(aws_sdk_sfn::Error::$variant(error)) => {
                let about = aws_sdk_sfn::error::ProvideErrorMetadata::meta(&error);
                println!("{} {} {}", $name, about.code().unwrap_or_default(), about.message().unwrap_or_default());
            }
            Err(error) => println!("{} untyped {error:?}", $name),
            Ok(_) => println!("{} was accepted", $name),
        }
    };
}
pub(crate) use refused;
