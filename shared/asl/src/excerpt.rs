//! Parts of a definition as they were written.

use crate::syntax::{Comments, Node, read_json};

/// The text of the `ItemProcessor` (or `Iterator`) of the Map state with this name, however deep inside; `None` if there is none. Names of states
/// are unique in a definition.
pub fn item_processor<'a>(definition: &'a str, state: &str) -> Option<&'a str> {
    let root = read_json(definition, Comments::Refused).ok()?;
    let mut flows = vec![&root];
    while let Some(flow) = flows.pop() {
        for member in flow.get("States").and_then(Node::object).into_iter().flat_map(|states| &states.members) {
            let processor = member.value.get("ItemProcessor").or_else(|| member.value.get("Iterator"));
            if member.key == state {
                return processor.map(|processor| &definition[processor.range.start..processor.range.end]);
            }
            flows.extend(processor);
            flows.extend(member.value.get("Branches").and_then(Node::array).into_iter().flatten());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_processors_are_found_at_any_depth_and_kept_as_written() {
        let inner = r#"{ "StartAt": "P",  "States": {"P": {"Type": "Pass", "End": true}} }"#;
        let outer = format!(r#"{{"StartAt": "In", "States": {{"In": {{"Type": "Map", "ItemProcessor": {inner}, "End": true}}}}}}"#);
        let branch = format!(r#"{{"StartAt": "Out", "States": {{"Out": {{"Type": "Map", "Iterator": {outer}, "End": true}}}}}}"#);
        let text = format!(r#"{{"StartAt": "Both", "States": {{"Both": {{"Type": "Parallel", "Branches": [{branch}], "End": true}}}}}}"#);
        assert_eq!(item_processor(&text, "In"), Some(inner));
        assert_eq!(item_processor(&text, "Out"), Some(&*outer));
        for none in ["P", "Both", "X"] {
            assert_eq!(item_processor(&text, none), None, "{none}");
        }
        assert_eq!(item_processor("no JSON", "In"), None);
    }
}
