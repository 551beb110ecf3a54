//! Changes that a person makes to a small schema, and what each compatibility says of them.

use serde_json::json;

use super::*;

fn order() -> Value {
    json!({
        "type": "object", "title": "T", "required": ["id", "status", "lines"], "additionalProperties": true,
        "properties": {
            "id": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 64, "description": "D"},
            "status": {"type": "string", "enum": ["held", "confirmed"]},
            "note": {"type": ["string", "null"], "maxLength": 200},
            "lines": {"type": "array", "minItems": 1, "maxItems": 100, "items": {
                "type": "object", "required": ["quantity"], "additionalProperties": true,
                "properties": {"quantity": {"type": "integer", "minimum": 1, "maximum": 1000}},
            }},
        },
    })
}

/// What is forbidden when `change` is done, in both.
fn check(change: impl FnOnce(&mut Value), full: &[&str], backward: &[&str]) {
    let mut newer = order();
    change(&mut newer);
    for (compatibility, expected) in
        [(Compatibility::FullTransitive, full), (Compatibility::BackwardTransitive, backward)]
    {
        let found: Vec<String> = forbidden(&order(), &newer, compatibility).iter().map(Difference::to_string).collect();
        assert_eq!(found, expected, "{}", compatibility.name());
    }
}

#[test]
fn what_is_for_people_may_change() {
    check(
        |schema| {
            schema["title"] = "other".into();
            schema["properties"]["id"]["description"] = "other".into();
            schema["properties"]["id"]["format"] = "uuid".into();
        },
        &[],
        &[],
    );
}

#[test]
fn a_member_that_may_be_left_out_may_be_added() {
    check(|schema| schema["properties"]["colour"] = json!({"type": "string"}), &[], &[]);
}

#[test]
fn a_word_that_is_removed_or_added() {
    let removed = "status: `enum` lost \"held\" (what was written is refused)";
    check(|schema| schema["properties"]["status"]["enum"] = json!(["confirmed"]), &[removed], &[removed]);
    let added = "status: `enum` got \"eaten\" (older readers refuse what is written now)";
    check(|schema| schema["properties"]["status"]["enum"] = json!(["held", "confirmed", "eaten"]), &[added], &[]);
}

#[test]
fn what_could_be_left_out_and_what_had_to_be_there() {
    let narrower = "note: could be left out, must be there (what was written is refused)";
    check(|schema| schema["required"] = json!(["id", "status", "lines", "note"]), &[narrower], &[narrower]);
    let wider = "status: had to be there, may be left out (older readers refuse what is written now)";
    check(|schema| schema["required"] = json!(["id", "lines"]), &[wider], &[]);
}

#[test]
fn a_member_that_is_renamed() {
    let gone = "status: is gone (older readers refuse what is written now)";
    let new = "state: is new, and must be there (what was written is refused)";
    check(
        |schema| {
            let properties = schema["properties"].as_object_mut().expect("properties");
            let status = properties.remove("status").expect("it is there");
            properties.insert("state".to_owned(), status);
            schema["required"] = json!(["id", "state", "lines"]);
        },
        &[new, gone],
        &[new],
    );
}

#[test]
fn bounds_and_kinds() {
    let narrower = "lines[].quantity: `maximum` was 1000, is 10 (what was written is refused)";
    let quantity = |schema: &mut Value, keyword: &str, value: Value| {
        schema["properties"]["lines"]["items"]["properties"]["quantity"][keyword] = value;
    };
    check(|schema| quantity(schema, "maximum", 10.into()), &[narrower], &[narrower]);
    let wider = "lines[].quantity: `minimum` was 1, is 0 (older readers refuse what is written now)";
    check(|schema| quantity(schema, "minimum", 0.into()), &[wider], &[]);
    let null = "note: `type` lost \"null\" (what was written is refused)";
    check(|schema| schema["properties"]["note"]["type"] = json!("string"), &[null], &[null]);
    let limit = "note: `maxLength` was 200, is none (older readers refuse what is written now)";
    check(|schema| schema["properties"]["note"] = json!({"type": ["string", "null"]}), &[limit], &[]);
    let lines = "lines: `maxItems` was 100, is 50 (what was written is refused)";
    check(|schema| schema["properties"]["lines"]["maxItems"] = 50.into(), &[lines], &[lines]);
}

#[test]
fn what_cannot_be_compared_is_forbidden() {
    let both = [
        "id: `pattern` differs (what was written is refused)",
        "id: `pattern` differs (older readers refuse what is written now)",
    ];
    check(|schema| schema["properties"]["id"]["pattern"] = "^.+$".into(), &both, &both[..1]);
    let closed = [
        "the value: `additionalProperties` differs (what was written is refused)",
        "the value: `additionalProperties` differs (older readers refuse what is written now)",
    ];
    check(|schema| schema["additionalProperties"] = false.into(), &closed, &closed[..1]);
}

#[test]
fn members_may_be_called_as_annotations_are() {
    let older = json!({"properties": {"title": {"type": "string", "title": "T"}}});
    assert_eq!(without_annotations(Some(&older)), Some(json!({"properties": {"title": {"type": "string"}}})));
    assert_eq!(differences(&older, &json!({"properties": {"title": {"type": "integer"}}})).len(), 2);
}
