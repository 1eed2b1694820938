//! The description of the interface as a page for people. Plain HTML: it needs no script.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// The methods that are described, in this order.
pub const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

/// The page of an OpenAPI document.
pub fn page(document: &Value) -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>spool: the interface</title>\
         <link rel=\"stylesheet\" href=\"/static/docs.css\"></head><body>\n<h1>spool: the interface</h1>\n\
         <p>The same for programs: <a href=\"/api/v1/openapi.json\">openapi.json</a></p>\n",
    );
    let _ = writeln!(page, "<p>{}</p>", text(&document["info"]["description"]));
    let groups = groups(document);
    contents(&mut page, &groups);
    for (group, operations) in &groups {
        let _ = writeln!(page, "<h2>{}</h2>", escaped(group));
        for operation in operations {
            describe(&mut page, operation);
        }
    }
    page.push_str("<h2>Shapes</h2>\n");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        shape(&mut page, name, schema);
    }
    page.push_str("</body></html>\n");
    page
}

struct Operation<'a> {
    /// `GET /healthz`
    line: String,
    about: &'a Value,
}

impl Operation<'_> {
    /// What a link to it ends with.
    fn anchor(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        self.line.chars().map(plain).collect()
    }
}

fn groups(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut groups: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, methods) in entries(&document["paths"]) {
        for method in METHODS {
            let Some(about) = methods.get(method) else { continue };
            let group = about["tags"][0].as_str().unwrap_or("others");
            let line = format!("{} {path}", method.to_uppercase());
            groups.entry(group).or_default().push(Operation { line, about });
        }
    }
    groups
}

fn contents(page: &mut String, groups: &BTreeMap<&str, Vec<Operation<'_>>>) {
    page.push_str("<nav><ul>\n");
    for operation in groups.values().flatten() {
        let (anchor, line) = (operation.anchor(), escaped(&operation.line));
        let _ = writeln!(page, "<li><a href=\"#{anchor}\">{line}</a></li>");
    }
    page.push_str("</ul></nav>\n");
}

fn describe(page: &mut String, operation: &Operation<'_>) {
    let about = operation.about;
    let _ =
        writeln!(page, "<h3 id=\"{}\"><code>{}</code></h3>", operation.anchor(), escaped(&operation.line));
    let _ = writeln!(page, "<p>{}. {}</p>", text(&about["summary"]), text(&about["description"]));
    let parameters = about["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        page.push_str("<table><tr><th>parameter</th><th>in</th><th></th></tr>\n");
        for parameter in parameters {
            let (name, place, what) = (&parameter["name"], &parameter["in"], &parameter["description"]);
            let row = [text(name), text(place), text(what)];
            let _ = writeln!(
                page,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                row[0], row[1], row[2]
            );
        }
        page.push_str("</table>\n");
    }
    let bodies = contents_of(&about["requestBody"]["content"]);
    if !bodies.is_empty() {
        let _ = writeln!(page, "<p>Body: {bodies}</p>");
    }
    page.push_str("<table><tr><th>answer</th><th></th><th>body</th></tr>\n");
    for (status, answer) in entries(&about["responses"]) {
        let (what, body) = (text(&answer["description"]), contents_of(&answer["content"]));
        let _ = writeln!(page, "<tr><td>{}</td><td>{what}</td><td>{body}</td></tr>", escaped(status));
    }
    page.push_str("</table>\n");
}

/// The media types of a body, each with its shape.
fn contents_of(content: &Value) -> String {
    let one = |(kind, about): (&String, &Value)| {
        let schema = &about["schema"];
        match schema["$ref"].as_str() {
            Some(_) => format!("<code>{}</code>: {}", escaped(kind), type_of(schema)),
            None => format!("<code>{}</code>", escaped(kind)),
        }
    };
    entries(content).map(one).collect::<Vec<_>>().join(", ")
}

fn shape(page: &mut String, name: &str, schema: &Value) {
    let name = escaped(name);
    let _ = writeln!(page, "<h3 id=\"{name}\">{name}</h3>\n<p>{}</p>", text(&schema["description"]));
    page.push_str("<table><tr><th>field</th><th>type</th><th></th></tr>\n");
    for (field, about) in entries(&schema["properties"]) {
        let (kind, what) = (type_of(about), text(&about["description"]));
        let _ =
            writeln!(page, "<tr><td><code>{}</code></td><td>{kind}</td><td>{what}</td></tr>", escaped(field));
    }
    page.push_str("</table>\n");
}

/// The type of a field: a JSON type, several, a list of one, or a link to a shape.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(one) if one == "array" => format!("list of {}", type_of(&schema["items"])),
        Value::String(one) => escaped(one),
        Value::Array(several) => several.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_shown_as_people_read_them() {
        let cases = [
            (json!({"type": "string"}), "string"),
            (json!({"type": ["string", "null"]}), "string or null"),
            (json!({"type": "array", "items": {"type": "integer"}}), "list of integer"),
            (json!({"$ref": "#/components/schemas/JobBody"}), "<a href=\"#JobBody\">JobBody</a>"),
            (json!({"oneOf": [{"type": "null"}, {"$ref": "#/x/A"}]}), "null or <a href=\"#A\">A</a>"),
        ];
        for (schema, shown) in cases {
            assert_eq!(type_of(&schema), shown);
        }
    }

    #[test]
    fn texts_cannot_become_markup() {
        let document = json!({"paths": {"/<b>": {"get": {"summary": "<script>\"", "responses": {}}}}});
        let page = page(&document);
        assert!(page.contains("&lt;script&gt;&quot;") && page.contains("GET /&lt;b&gt;"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    }
}
