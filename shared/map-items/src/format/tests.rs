use proptest::prelude::*;

use super::*;

/// What a format finds, and what it fails with in the end.
type Found = (Vec<String>, Option<String>);

/// Reads a text in pieces; after every `stop` items from the place where it has stopped, with a format that knows no more than that.
fn read(text: &[u8], piece: usize, stop: usize, new: &dyn Fn(Place) -> Result<Format, FormatError>) -> Found {
    let (mut found, mut position, mut place) = (Vec::new(), 0, Place::Between);
    loop {
        let mut format = match new(place) {
            Ok(format) => format,
            Err(error) => return (found, Some(error.to_string())),
        };
        if let Format::Csv(csv) = &mut format
            && position > 0
        {
            let mut head = Input::default();
            head.push(text);
            assert_eq!(csv.read_headers(&mut head), Ok(true));
        }
        let mut input = Input::starting_at(position);
        let mut rest = text[position as usize..].chunks(piece);
        for count in 0.. {
            if count == stop {
                break;
            }
            match next(&mut format, &mut input, &mut rest) {
                Ok(Some(item)) => found.push(item),
                Ok(None) => return (found, None),
                Err(error) => return (found, Some(error.to_string())),
            }
            (position, place) = (input.position(), format.place());
        }
    }
}

fn next<'a>(format: &mut Format, input: &mut Input, rest: &mut impl Iterator<Item = &'a [u8]>) -> Result<Option<String>, FormatError> {
    loop {
        match format.next(input)? {
            Step::Item(found) => return Ok(Some(found.text.into_string())),
            Step::End => return Ok(None),
            Step::More => match rest.next() {
                Some(piece) => input.push(piece),
                None => input.finish(),
            },
        }
    }
}

/// Reads it whole, and in every other way; all must agree.
#[track_caller]
fn read_in_all_ways(text: &[u8], new: &dyn Fn(Place) -> Result<Format, FormatError>) -> Found {
    let whole = read(text, usize::MAX, usize::MAX, new);
    for (piece, stop) in [(1, usize::MAX), (3, 1), (1, 1), (7, 2)] {
        assert_eq!(
            read(text, piece, stop, new),
            whole,
            "in pieces of {piece}, stopped after every {stop} items: {:?}",
            text.escape_ascii().to_string()
        );
    }
    whole
}

fn json(pointer: Option<&str>) -> impl Fn(Place) -> Result<Format, FormatError> + '_ {
    move |place| Ok(Format::Json(Box::new(Json::new(pointer, place)?)))
}

fn lines(place: Place) -> Result<Format, FormatError> {
    Ok(Format::JsonLines(JsonLines::new(place)))
}

fn csv(delimiter: u8, headers: &'static [&'static str]) -> impl Fn(Place) -> Result<Format, FormatError> {
    move |_| {
        let headers: Vec<String> = headers.iter().map(|name| (*name).to_owned()).collect();
        Ok(Format::Csv(Csv::new(delimiter, (!headers.is_empty()).then_some(headers.as_slice()))?))
    }
}

#[track_caller]
fn check(text: &str, new: impl Fn(Place) -> Result<Format, FormatError>, items: &[&str]) {
    assert_eq!(read_in_all_ways(text.as_bytes(), &new), (items.iter().map(|item| (*item).to_owned()).collect(), None));
}

#[track_caller]
fn check_failure(text: &[u8], new: impl Fn(Place) -> Result<Format, FormatError>, items: &[&str], failure: &str) {
    assert_eq!(read_in_all_ways(text, &new), (items.iter().map(|item| (*item).to_owned()).collect(), Some(failure.to_owned())));
}

#[test]
fn csv_with_headers_in_the_first_row_as_recorded() {
    let text = "Col1,Col2,Col3\nValue1,Value2,Value3\nValue4,Value5,Value6\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   \n";
    let items = [
        r#"{"Col1":"Value1","Col2":"Value2","Col3":"Value3"}"#,
        r#"{"Col1":"Value4","Col2":"Value5","Col3":"Value6"}"#,
        r#"{"Col1":"","Col2":"","Col3":""}"#,
        r#"{"Col1":"true","Col2":"1","Col3":"'HelloWorld'"}"#,
        r#"{"Col1":"Null","Col2":"None","Col3":""}"#,
        r#"{"Col1":"   ","Col2":"","Col3":""}"#,
    ];
    check(text, csv(b',', &[]), &items);
    check(&text.replace('\n', "\r\n"), csv(b',', &[]), &items);
    check(&format!("\u{feff}{}", text.trim_end_matches('\n')), csv(b',', &[]), &items);
    check(&text.replace(',', "|"), csv(b'|', &[]), &items);
}

#[test]
fn csv_with_given_headers_as_recorded() {
    let text = "Value1,Value2,Value3\nValue4,Value5,Value6\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   \n";
    let items = [r#"{"H1":"Value1"}"#, r#"{"H1":"Value4"}"#, r#"{"H1":""}"#, r#"{"H1":"true"}"#, r#"{"H1":"Null"}"#, r#"{"H1":"   "}"#];
    check(text, csv(b',', &["H1"]), &items);
    check_failure(text.as_bytes(), csv(b',', &["H1", "H1", "H3"]), &[], "CSV headers cannot contain duplicates.");
    check_failure(b"a,b,a\n1,2,3\n", csv(b',', &[]), &[], "CSV headers cannot contain duplicates.");
}

#[test]
fn headers_are_strings_whatever_they_look_like_as_recorded() {
    let items = [r#"{"0":"Value4","{}":"Value6","True":"Value5"}"#, r#"{"0":"","{}":"","True":""}"#];
    check("0,True,{}\nValue4,Value5,Value6\n,,,\n", csv(b',', &[]), &items);
}

#[test]
fn quotes_and_escapes_of_csv() {
    let cell = |text: &str, value: &str| check(&format!("a,b\n{text},x\n"), csv(b',', &[]), &[&format!(r#"{{"a":"{value}","b":"x"}}"#)]);
    cell(r#""one, two""#, "one, two");
    cell("\"two\nlines\"", r"two\nlines");
    cell(r#""say ""hi""""#, r#"say \"hi\""#);
    cell(r#"  "blanks before""#, "blanks before");
    cell(r#"5" pipe"#, r#"5\" pipe"#);
    cell(r#""quoted" and not"#, "quoted and not");
    cell(r"C:\\Program Files\\x", r"C:\\Program Files\\x");
    cell(r"a\,b", "a,b");
    cell(r#"\"a\""#, r#"\"a\""#);
    cell(r#""a\"b""#, r#"a\"b"#);
    cell(r"dropped \n here", "dropped n here");
    cell("tab\there", r"tab\there");
    cell("  kept  ", "  kept  ");
    cell("ünïcode", "ünïcode");
    check("a b\n1 \"2 3\"\n", csv(b' ', &[]), &[r#"{"a":"1","b":"2 3"}"#]);
    check("a;b\n1;2", csv(b';', &[]), &[r#"{"a":"1","b":"2"}"#]);
    check("a\tb\n1\t2\n\n", csv(b'\t', &[]), &[r#"{"a":"1","b":"2"}"#, r#"{"a":"","b":""}"#]);
    // Quotes keep their meaning beyond the last column: a newline inside them, and none in the middle of a cell.
    check("a\n1,x\"y,\"2\n3\",z\n4\n", csv(b',', &[]), &[r#"{"a":"1"}"#, r#"{"a":"4"}"#]);
}

#[test]
fn bad_csv_fails() {
    check_failure(b"", csv(b',', &[]), &[], "CSV headers cannot be empty.");
    check("", csv(b',', &["a"]), &[]);
    check("a,b", csv(b',', &[]), &[]);
    check_failure(
        b"a\n1\n\"2\n3",
        csv(b',', &[]),
        &[r#"{"a":"1"}"#],
        "The dataset is not valid CSV: un-terminated quoted field at the end of the file at byte 4.",
    );
    check_failure(
        b"a\nx\n\xff\n",
        csv(b',', &[]),
        &[r#"{"a":"x"}"#],
        "The dataset is not encoded in UTF-8: invalid byte sequence at or after byte 4.",
    );
    let wide = "h".repeat(csv::HEADER_BYTES_MAX + 1);
    check_failure(wide.as_bytes(), csv(b',', &[]), &[], "CSV headers exceed the limit of 10240 bytes.");
    check_failure(",".repeat(20_000).as_bytes(), csv(b',', &[]), &[], "CSV headers exceed the limit of 10240 bytes.");
}

#[test]
fn arrays_of_json() {
    check("[]", json(None), &[]);
    check(
        " [ 1 , \"a\" ,null,true, { \"b\" : [ ] , \"a\":-0.50e1 } ] \n",
        json(None),
        &["1", "\"a\"", "null", "true", r#"{"b":[],"a":-0.50e1}"#],
    );
    check("\u{feff}[[\"from-bucket-item-0\"]]", json(None), &[r#"["from-bucket-item-0"]"#]);
    check(r#"["\u0041\/\u00e9\ud83d\ude00\n\u000b\"\\"]"#, json(None), &[r#""A/é😀\n\u000B\"\\""#]);
    check(
        r#"["\ud800","\ud800x","\ud83d\ud83d\ude00","\udc00","\ud800\n"]"#,
        json(None),
        &["\"\u{fffd}\"", "\"\u{fffd}x\"", "\"\u{fffd}😀\"", "\"\u{fffd}\"", "\"\u{fffd}\\n\""],
    );
}

#[test]
fn what_is_no_array_is_not_iterated_as_recorded() {
    let failure = "Attempting to map over non-iterable node.";
    for text in [r#"{"Hello":"world"}"#, "1", "\"a\"", "null", " true "] {
        check_failure(text.as_bytes(), json(None), &[], failure);
    }
    check_failure(br#"{"a":1}"#, json(Some("/a")), &[], failure);
}

#[test]
fn pointers_lead_to_items() {
    let text = r#"{"skip":[{"a/b":[0]},"}]",-1.5e3,false], "a/b" : {"m~":[ [9], {"deep":[1, 2 ]}, 3 ]}, "a/b2":}"#;
    check(text, json(Some("/a~1b/m~0/1/deep")), &["1", "2"]);
    check(text, json(Some("/skip")), &[r#"{"a/b":[0]}"#, "\"}]\"", "-1.5e3", "false"]);
    check(text, json(Some("/skip/0")), &[r#"{"Key":"a/b","Value":[0]}"#]);
    check(r#"{ "a" : 1, "\u0062":{"c":[]} }"#, json(Some("")), &[r#"{"Key":"a","Value":1}"#, r#"{"Key":"b","Value":{"c":[]}}"#]);
    check(r#"{"a":{}}"#, json(Some("/a")), &[]);
    let whole = text.replace(r#", "a/b2":"#, "");
    for pointer in ["/none", "/skip/7", "/skip/x", "/a~1b/m~0/0/0/0"] {
        let failure = format!("ItemsPointer '{pointer}' does not resolve to a value in the dataset.");
        check_failure(whole.as_bytes(), json(Some(pointer)), &[], &failure);
    }
    check_failure(b"[]", json(Some("x")), &[], "ItemsPointer 'x' is not a valid JSON Pointer.");
}

#[test]
fn bad_json_fails_where_it_is_bad() {
    let failure = |text: &str, items: &[&str], problem: &str| {
        check_failure(text.as_bytes(), json(None), items, &format!("The dataset is not valid JSON: {problem}."))
    };
    failure("", &[], "unexpected end-of-input at byte 0");
    failure("[1,2", &["1"], "unexpected end-of-input at byte 4");
    failure("[1,]", &["1"], "unexpected character ']' at byte 3");
    failure("[1 2]", &["1"], "unexpected character '2' at byte 3");
    failure("[1]x", &["1"], "unexpected characters after the value at byte 3");
    failure("[01]", &["0"], "unexpected character '1' at byte 2");
    failure("[1e999]", &[], "number out of range at byte 6");
    failure("[tru]", &[], "unexpected character ']' at byte 4");
    failure("[\"a\nb\"]", &[], "unescaped control character (code 10) in a string at byte 3");
    failure("[\"\\x\"]", &[], "unrecognized character escape at byte 3");
    failure("hello", &[], "unexpected character 'h' at byte 0");
    failure(&"[".repeat(200), &[], "nesting deeper than 120 levels at byte 121");
    check_failure(
        b"[\"a\",\"\xff\"]",
        json(None),
        &["\"a\""],
        "The dataset is not encoded in UTF-8: invalid byte sequence at or after byte 6.",
    );
}

#[test]
fn lines_of_json() {
    check("", lines, &[]);
    check("{\"a\": 1}\n\n  \r\n[2, 3]\r\n\"x\"\n4", lines, &[r#"{"a":1}"#, "[2,3]", "\"x\"", "4"]);
    check_failure(b"{\"a\":\n1}\n", lines, &[], "The dataset is not valid JSON Lines: unexpected end of line at byte 5.");
    check_failure(
        b"1\n2 3\n",
        lines,
        &["1", "2"],
        "The dataset is not valid JSON Lines: unexpected characters after the value of a line at byte 4.",
    );
    check_failure(b"1\n{", lines, &["1"], "The dataset is not valid JSON Lines: unexpected end-of-input at byte 3.");
}

#[test]
fn items_have_a_limit() {
    let long = format!("[1,\"{}\"]", "x".repeat(ITEM_BYTES_MAX));
    let failure =
        |at| Some(format!("An item of the dataset exceeds the limit of {ITEM_BYTES_MAX} bytes: the one that begins at byte {at}."));
    assert_eq!(read(long.as_bytes(), 65_536, usize::MAX, &json(None)), (vec!["1".to_owned()], failure(3)));
    let long = format!("a\n{}\n", "x".repeat(ITEM_BYTES_MAX));
    assert_eq!(read(long.as_bytes(), 65_536, usize::MAX, &csv(b',', &[])), (vec![], failure(2)));
    let long = "x".repeat(ITEM_BYTES_MAX + 1);
    assert_eq!(read(format!("\"{long}").as_bytes(), 65_536, usize::MAX, &lines), (vec![], failure(0)));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let number = prop_oneof![any::<i64>().prop_map(Into::into), any::<f64>().prop_map(Into::into)];
    let leaf = prop_oneof![Just(serde_json::Value::Null), any::<bool>().prop_map(Into::into), number, any::<String>().prop_map(Into::into)];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let object = prop::collection::vec((any::<String>(), inner.clone()), 0..5)
            .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into());
        prop_oneof![prop::collection::vec(inner, 0..5).prop_map(Into::into), object]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_array_is_read_as_it_was_written(values in prop::collection::vec(any_json(), 0..6), pretty: bool) {
        let array = serde_json::Value::from(values.clone());
        let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.expect("plain data");
        let (items, failure) = read_in_all_ways(text.as_bytes(), &json(None));
        prop_assert_eq!(failure, None);
        let read: Vec<serde_json::Value> = items.iter().map(|item| serde_json::from_str(item).expect("items are JSON")).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn hostile_text_ends_in_items_or_a_failure(text in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b'['), Just(b'{'), Just(b'}'), Just(b']'), Just(b':'), Just(b'u'), Just(b'd'), Just(b'8'), any::<u8>()], 0..60)) {
        for format in [&json(None) as &dyn Fn(Place) -> _, &json(Some("/d")), &lines, &csv(b',', &[]), &csv(b' ', &["a", "b"])] {
            let (items, _) = read_in_all_ways(&text, format);
            for item in items {
                serde_json::from_str::<serde_json::Value>(&item).expect("items are JSON");
            }
        }
    }

    #[test]
    fn any_table_is_read_as_it_was_written(rows in prop::collection::vec(prop::collection::vec("[a-z \",;\n\r\\\\é]{0,6}", 3), 0..6)) {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('\\', "\\\\").replace('"', "\"\""));
        let text: String = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n").collect();
        let (items, failure) = read_in_all_ways(text.as_bytes(), &csv(b',', &["a", "b", "c"]));
        prop_assert_eq!(failure, None);
        let read: Vec<Vec<String>> = items.iter().map(|item| {
            let item: serde_json::Value = serde_json::from_str(item).expect("items are JSON");
            ["a", "b", "c"].iter().map(|name| item[*name].as_str().expect("cells are strings").to_owned()).collect()
        }).collect();
        prop_assert_eq!(read, rows);
    }
}
