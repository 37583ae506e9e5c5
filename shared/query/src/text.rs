//! Values as text: as Java prints them, which AWS lets through in `States.Format`, and as compact JSON.

use serde_json::{Number, Value};

/// Compact JSON: no blanks, keys in their order.
pub fn compact(value: &Value) -> String {
    value.to_string()
}

/// The MD5 digest of a text's UTF-8, in lower-case hexadecimal: SQS answers with that of the message.
pub fn md5(text: &str) -> String {
    crate::intrinsic::digest(text, "MD5").expect("MD5 is one of the algorithms")
}

/// A value as Java's `toString` prints it: a string bare, `null`, `1.1`, `{Arg1=1, Arg2=[]}`.
///
/// `States.Format` shows an object or array argument this way (recorded from AWS).
pub fn to_java_string(value: &Value) -> String {
    let mut out = String::new();
    write_java(&mut out, value);
    out
}

fn write_java(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_to_java(number)),
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            write_separated(out, items, write_java);
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            write_separated(out, members, |out, (key, value)| {
                out.push_str(key);
                out.push('=');
                write_java(out, value);
            });
            out.push('}');
        }
    }
}

fn write_separated<T>(out: &mut String, items: impl IntoIterator<Item = T>, write: impl Fn(&mut String, T)) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, item);
    }
}

/// A number as Java prints it: whole numbers plain, others as `Double.toString`.
pub(crate) fn number_to_java(number: &Number) -> String {
    match number.as_f64() {
        Some(double) if number.is_f64() => double_to_java(double),
        _ => number.to_string(),
    }
}

/// `Double.toString`: decimal from 10^-3 up to 10^7, else `1.234E10`; always with a fraction digit.
fn double_to_java(double: f64) -> String {
    if double == 0.0 {
        return if double.is_sign_negative() { "-0.0" } else { "0.0" }.to_owned();
    }
    if (1e-3..1e7).contains(&double.abs()) {
        let plain = format!("{double}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let scientific = format!("{double:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let fraction = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{fraction}E{exponent}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_and_arrays_look_like_java_collections() {
        assert_eq!(to_java_string(&json!({"Arg1": 1, "Arg2": []})), "{Arg1=1, Arg2=[]}");
        assert_eq!(to_java_string(&json!([1, "a", null, true, {"k": {"n": 1.5}}])), "[1, a, null, true, {k={n=1.5}}]");
        assert_eq!(to_java_string(&json!({})), "{}");
    }

    #[test]
    fn scalars_are_bare() {
        assert_eq!(to_java_string(&json!("text")), "text");
        assert_eq!(to_java_string(&json!(null)), "null");
        assert_eq!(to_java_string(&json!(1.1)), "1.1");
        assert_eq!(to_java_string(&json!(9007199254740993i64)), "9007199254740993");
    }

    #[test]
    fn doubles_follow_javas_notation() {
        for (double, text) in [
            (1.0, "1.0"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (9_999_999.5, "9999999.5"),
            (1e7, "1.0E7"),
            (-1.25e10, "-1.25E10"),
            (-0.0, "-0.0"),
        ] {
            assert_eq!(to_java_string(&json!(double)), text);
        }
    }

    #[test]
    fn compact_json_keeps_the_order_of_keys() {
        assert_eq!(compact(&json!({"b": 1, "a": [1, 2.5, "x"]})), r#"{"b":1,"a":[1,2.5,"x"]}"#);
    }
}
