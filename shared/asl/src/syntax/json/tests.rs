//! Jackson's texts, case by case. The first two are recorded answers of AWS.

use super::*;

fn check(text: &str, message: &str, line: usize, column: usize) {
    let error = read_json(text, Comments::Refused).expect_err(text);
    assert_eq!(error.message, message, "{text}");
    assert!(error.source.ends_with(&format!("; line: {line}, column: {column}]")), "{text}: {}", error.source);
}

#[test]
fn recorded_texts() {
    let error = read_json("not a definition", Comments::Refused).expect_err("no JSON");
    assert_eq!(
        error.to_string(),
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at \
         [Source: (String)\"not a definition\"; line: 1, column: 4]"
    );
    check("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", 1, 3);
}

#[test]
fn a_long_text_is_cut_and_the_place_is_not() {
    let text = format!("{{\"a\": \"{}\",\n \"b\" 1}}", "x".repeat(2000));
    let error = read_json(&text, Comments::Refused).expect_err("no colon");
    assert_eq!(error.message, "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value");
    let end = format!("{}\"[truncated {} chars]; line: 2, column: 7]", "x".repeat(493), text.len() - 500);
    assert!(error.source.ends_with(&end), "{}", error.source);
}

#[test]
fn tokens() {
    let expected = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    check("nul", &format!("Unrecognized token 'nul': {expected}"), 1, 4);
    check("truely", &format!("Unrecognized token 'truely': {expected}"), 1, 7);
    check("[1,\n falsch]", &format!("Unrecognized token 'falsch': {expected}"), 2, 8);
    check("$x.y", &format!("Unrecognized token '$x': {expected}"), 1, 3);
    check("NaN", "Non-standard token 'NaN': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow", 1, 4);
    let value = "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    check("'a'", &format!("Unexpected character (''' (code 39)): {value}"), 1, 2);
    check("{\"a\": ,}", &format!("Unexpected character (',' (code 44)): {value}"), 1, 8);
    check("\u{feff}{}", &format!("Unexpected character ('\u{feff}' (code 65279 / 0xfeff)): {value}"), 1, 2);
}

#[test]
fn structure() {
    check("[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 1, 5);
    check("{\"a\":1 \"b\":2}", "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", 1, 9);
    check("[1,]", "Unexpected character (']' (code 93)): expected a value", 1, 5);
    check("{\"a\":1,}", "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 1, 9);
    check("{\"a\" 1}", "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 1, 7);
    check("[1}", "Unexpected close marker '}': expected ']' (for Array starting at [Source: (String)\"[1}\"; line: 1, column: 1])", 1, 4);
    check("]", "Unexpected close marker ']': expected '}' (for root starting at [Source: (String)\"]\"; line: 1, column: 0])", 1, 2);
    check(
        "{} {",
        "Trailing token (of type START_OBJECT) found after value: not allowed as per `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`",
        1,
        5,
    );
}

#[test]
fn ends_of_input() {
    check("", "No content to map due to end-of-input", 1, 1);
    check(
        "{\"a\": 1",
        "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)\"{\"a\": 1\"; line: 1, column: 1])",
        1,
        8,
    );
    check(
        " [",
        "Unexpected end-of-input: expected close marker for Array (start marker at [Source: (String)\" [\"; line: 1, column: 2])",
        1,
        3,
    );
    check("{\"a\": 1,", "Unexpected end-of-input within/between Object entries", 1, 9);
    check("{\"a\":", "Unexpected end-of-input within/between Object entries", 1, 6);
    check("{\"a", "Unexpected end-of-input in field name", 1, 4);
    check("\"a", "Unexpected end-of-input: was expecting closing quote for a string value", 1, 3);
    check("\"\\u12", "Unexpected end-of-input in character escape sequence", 1, 6);
}

#[test]
fn strings() {
    check(
        "\"a\nb\"",
        "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value",
        1,
        4,
    );
    check(
        "{\"a\tb\": 1}",
        "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to be included in name",
        1,
        5,
    );
    check(r#""\x""#, "Unrecognized character escape 'x' (code 120)", 1, 4);
    check(r#""\u12G4""#, "Unexpected character ('G' (code 71)): expected a hex-digit for character escape sequence", 1, 7);
    check("\u{1}", r"Illegal character ((CTRL-CHAR, code 1)): only regular white space (\r, \n, \t) is allowed between tokens", 1, 2);
}

#[test]
fn numbers() {
    check(
        "-x",
        "Unexpected character ('x' (code 120)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value",
        1,
        3,
    );
    check("[1.]", "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit", 1, 5);
    check("[1e]", "Unexpected character (']' (code 93)) in numeric value: Exponent indicator not followed by a digit", 1, 5);
    check("[012]", "Invalid numeric value: Leading zeroes not allowed", 1, 4);
    check("1a", "Unexpected character ('a' (code 97)): Expected space separating root-level values", 1, 3);
    check("1e999", "Numeric value (1e999) out of range", 1, 6);
}

#[test]
fn agrees_with_serde_json_on_values() {
    for text in [
        "null",
        " [true , false,null]\n",
        "{\"a\":{\"b\":[1,-2.5e3,0.1,-0,18446744073709551615]}}",
        r#""\"\\\/\b\f\n\r\té\ud83d\ude00""#,
        "\"ünï\"",
        "{}",
        "[]",
        "[[],{}]",
        "123456789012345678901234567890",
    ] {
        let expected: serde_json::Value = serde_json::from_str(text).expect(text);
        assert_eq!(read_json(text, Comments::Refused).expect(text).to_value(), expected, "{text}");
    }
    let lone = read_json(r#""\ud83dx\udc00""#, Comments::Refused).expect("Jackson takes lone surrogates");
    assert_eq!(lone.text(), Some("\u{fffd}x\u{fffd}"));
}

#[test]
fn places() {
    let text = "{\"ä\": [1, {\"b\": \"c\"}]}";
    let node = read_json(text, Comments::Refused).expect("valid");
    let member = &node.object().expect("an object").members[0];
    assert_eq!(&text[member.key_range.start..member.key_range.end], "\"ä\"");
    let items = member.value.array().expect("an array");
    assert_eq!(&text[items[0].range.start..items[0].range.end], "1");
    assert_eq!(&text[items[1].range.start..items[1].range.end], "{\"b\": \"c\"}");
}

#[test]
fn comments_only_where_accepted() {
    let text = "// one\n{ /* two */ \"a\": 1 // three\n , \"b\": 2 /* four\n */ } // five";
    assert_eq!(read_json(text, Comments::Accepted).expect("valid").to_value().to_string(), r#"{"a":1,"b":2}"#);
    let hint = "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)";
    check(text, &format!("Unexpected character ('/' (code 47)): {hint}"), 1, 2);
    assert!(read_json("1 /* open", Comments::Accepted).is_err());
    assert!(read_json("/", Comments::Accepted).is_err());
    assert!(read_json("1// end", Comments::Accepted).is_ok());
}

#[test]
fn nesting_is_bounded_without_recursion() {
    for open in ["[", "{\"a\":"] {
        let text = open.repeat(100_000);
        let error = read_json(&text, Comments::Refused).expect_err("too deep");
        assert_eq!(
            error.message,
            "Document nesting depth (1001) exceeds the maximum allowed (1000, from `StreamReadConstraints.getMaxNestingDepth()`)"
        );
    }
    let text = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert!(read_json(&text, Comments::Refused).is_ok());
}
