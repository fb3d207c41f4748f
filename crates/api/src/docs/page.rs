//! The readable page, written from the OpenAPI document and the table of codes.

use std::fmt::Write as _;

use serde_json::Value;

use crate::codes::Code;

const STYLE: &str = "
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem }
code { font: 0.9em ui-monospace, monospace; background: var(--soft); padding: 0 0.25em; border-radius: 3px }
section { border-top: 1px solid var(--line); padding: 0.5rem 0 1rem }
h3 { margin-bottom: 0 } .method { font-weight: 700; display: inline-block; min-width: 4.5em }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid var(--line) }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem } :target { background: var(--soft) }
";

/// Writes the whole page.
pub fn render(document: &Value, codes: &[&Code]) -> String {
    let mut page = String::new();
    let info = &document["info"];
    let _infallible = write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} API</title><style>{STYLE}</style><h1>{title} API {version}</h1><p>{description}</p>\
         <p>The same for programs: <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p><nav>",
        title = text(&info["title"]),
        version = text(&info["version"]),
        description = text(&info["description"]),
    );
    let tags = document["tags"].as_array().cloned().unwrap_or_default();
    for tag in &tags {
        let _infallible = write!(page, "<a href=\"#tag-{0}\">{0}</a>", text(&tag["name"]));
    }
    page.push_str("<a href=\"#codes\">Codes</a></nav>");
    for tag in &tags {
        let _infallible = write!(
            page,
            "<h2 id=\"tag-{0}\">{0}</h2><p>{1}</p>",
            text(&tag["name"]),
            text(&tag["description"])
        );
        for (path, method, operation) in operations(document) {
            if operation["tags"][0] == tag["name"] {
                page.push_str(&section(document, path, method, operation));
            }
        }
    }
    page.push_str(&table_of_codes(codes));
    page
}

/// Every operation, in the order of paths.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = ["get", "put", "post", "delete", "patch"].into_iter();
        methods.filter_map(move |method| {
            item.get(method).map(|operation| (path.as_str(), method, operation))
        })
    })
}

fn section(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let mut section = format!(
        "<section><h3><span class=\"method\">{}</span> <code>{}</code></h3><p>{}</p>",
        method.to_ascii_uppercase(),
        escape(path),
        text(&operation["summary"])
    );
    let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| {
        let place = format!("{} ({})", text(&parameter["name"]), text(&parameter["in"]));
        [place, kind(&parameter["schema"]), text(&parameter["description"])]
    });
    section.push_str(&table(["parameter", "type", "meaning"], parameters.collect()));
    let content = operation["requestBody"]["content"].as_object().into_iter().flatten();
    for (media_type, body) in content {
        let rows = fields(document, &body["schema"]);
        let _infallible = write!(section, "<p>Body: <code>{}</code></p>", escape(media_type));
        section.push_str(&table(["field", "type", "meaning"], rows));
    }
    let responses = operation["responses"].as_object().into_iter().flatten();
    for (status, response) in responses {
        let _infallible = write!(
            section,
            "<p><strong>{}</strong> {}</p>",
            escape(status),
            text(&response["description"])
        );
        let rows = fields(document, &response["content"]["application/json"]["schema"]);
        section.push_str(&table(["field", "type", "meaning"], rows));
    }
    section.push_str("</section>");
    section
}

/// Fields of an object schema, one reference deep.
fn fields(document: &Value, schema: &Value) -> Vec<[String; 3]> {
    let schema = resolve(document, schema);
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, field)| {
            [format!("<code>{}</code>", escape(name)), kind(field), text(&field["description"])]
        })
        .collect()
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let mut options = schema["oneOf"].as_array().into_iter().flatten();
    let schema = options.rfind(|option| option["type"] != "null").unwrap_or(schema);
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

fn kind(schema: &Value) -> String {
    let reference = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    if let Some(name) = reference {
        return escape(name);
    }
    let own = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind),
    };
    if schema["type"] == "array" { format!("list of {}", kind(&schema["items"])) } else { own }
}

fn table(head: [&str; 3], rows: Vec<[String; 3]>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    let rows: String = rows
        .iter()
        .map(|row| {
            format!(
                "<tr>{}</tr>",
                row.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>()
            )
        })
        .collect();
    format!("<table><tr>{head}</tr>{rows}</table>")
}

fn table_of_codes(codes: &[&Code]) -> String {
    let row = |code: &&Code| {
        format!(
            "<tr id=\"{0}\"><td><code>{0}</code></td><td>{1}</td><td>{2}</td></tr>",
            code.name,
            code.status,
            escape(code.title)
        )
    };
    let rows: String = codes.iter().map(row).collect();
    format!(
        "<h2 \
         id=\"codes\">Codes</h2><table><tr><th>code</th><th>status</th><th>meaning</th></tr>{rows}</table></html>"
    )
}

/// Escaped, and what stands between backticks as code.
fn text(value: &Value) -> String {
    let escaped = escape(value.as_str().unwrap_or_default());
    let parts = escaped.split('`').enumerate();
    parts
        .map(|(n, part)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
