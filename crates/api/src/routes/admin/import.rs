//! Bulk import of credits: one per line, as CSV with a header or as JSON lines. Every line stands
//! by itself, and sending the same file again is safe.

use adit_core::Actor;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::credits::{Booked, CreditAnswer, book};
use crate::codes;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::strict_json::Strict;

/// Most lines of one import.
pub const IMPORT_LINES_MAX: usize = 200_000;
/// Lines that wait for the writer together.
const IMPORT_AT_ONCE: usize = 1_000;
/// Refused lines that are named; all are counted.
const IMPORT_ERRORS_SHOWN_MAX: usize = 1_000;
const COLUMNS: [&str; 5] = ["id", "userId", "book", "asset", "amount"];

#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ImportAnswer {
    lines: usize,
    credited: usize,
    unchanged: usize,
    refused: usize,
    /// The first 1,000 refused lines.
    errors: Vec<LineError>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LineError {
    /// Counted from 1, the header included.
    line: usize,
    id: Value,
    code: &'static str,
    error: String,
}

type Line = (usize, Result<Value, Problem>);

/// First bytes of workbooks: of Excel up to 2003, and of everything that is a ZIP file, as those of
/// later ones and of LibreOffice are.
const WORKBOOKS: [&[u8]; 2] = [b"\xd0\xcf\x11\xe0", b"PK\x03\x04"];
/// What programs of other countries, or copies out of a table, separate fields by.
const OTHER_SEPARATORS: [char; 2] = [';', '\t'];

/// `id,userId,book,asset,amount`, in any order of columns. Rows whose fields are all empty are left
/// out: a table that was cleared keeps them.
///
/// # Errors
/// `INVALID_BODY` when the file as a whole cannot be read.
pub async fn csv(state: &ApiState, actor: &Actor, body: &[u8]) -> Result<Response, Problem> {
    if WORKBOOKS.iter().any(|first| body.starts_with(first)) {
        let detail = "The file is a workbook, not text. Save it as CSV (UTF-8, separated by commas), and \
             send that.";
        return Err(Problem::new(&codes::INVALID_BODY, detail));
    }
    let text = text(body)?;
    let mut lines = numbered(text);
    let header = lines.next().map(|(_, line)| split(line)).unwrap_or_default().unwrap_or_default();
    let mut named: Vec<&str> = header.iter().map(String::as_str).collect();
    named.sort_unstable();
    let mut wanted = COLUMNS;
    wanted.sort_unstable();
    if named != wanted {
        let other =
            OTHER_SEPARATORS.iter().find(|other| header.len() == 1 && header[0].contains(**other));
        let advice = other
            .map(|other| format!(" Fields are separated by {other:?} there; save it with commas."))
            .unwrap_or_default();
        let detail = format!(
            "The first line must name the columns {}, each once; it is {:?}.{advice}",
            COLUMNS.join(","),
            header.join(",")
        );
        return Err(Problem::new(&codes::INVALID_BODY, detail).with("line", 1));
    }
    let rows = lines
        .filter(|(_, line)| !is_empty_row(line))
        .map(|(number, line)| (number, row(&header, line)));
    import(state, actor, rows.collect()).await
}

/// One JSON object per line.
///
/// # Errors
/// `INVALID_BODY` when the file as a whole cannot be read.
pub async fn lines(state: &ApiState, actor: &Actor, body: &[u8]) -> Result<Response, Problem> {
    let read = |line: &str| {
        let strict = serde_json::from_str::<Strict>(line).map(|strict| strict.0);
        strict.map_err(|error| {
            Problem::new(&codes::MALFORMED_JSON, format!("The line is not JSON: {error}."))
        })
    };
    let rows = numbered(text(body)?).map(|(number, line)| (number, read(line)));
    import(state, actor, rows.collect()).await
}

fn text(body: &[u8]) -> Result<&str, Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body)
        .map_err(|_| Problem::new(&codes::INVALID_BODY, "The file is not UTF-8."))
}

/// Lines that hold something, counted from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}

/// Nothing but separators, blanks and empty quotes.
fn is_empty_row(line: &str) -> bool {
    split(line).is_some_and(|fields| fields.iter().all(|field| field.trim().is_empty()))
}

async fn import(state: &ApiState, actor: &Actor, lines: Vec<Line>) -> Result<Response, Problem> {
    if lines.is_empty() || lines.len() > IMPORT_LINES_MAX {
        let detail = format!(
            "The import has {} credits; allowed are 1 to {IMPORT_LINES_MAX}. Send it in parts.",
            lines.len()
        );
        return Err(Problem::new(&codes::INVALID_BODY, detail));
    }
    let mut answer = ImportAnswer { lines: lines.len(), ..ImportAnswer::default() };
    let mut lines = lines.into_iter().peekable();
    while lines.peek().is_some() {
        let some: Vec<Line> = lines.by_ref().take(IMPORT_AT_ONCE).collect();
        answer.book(state, actor, some).await;
    }
    let status = match answer.refused {
        0 => StatusCode::OK,
        all if all == answer.lines => StatusCode::UNPROCESSABLE_ENTITY,
        _some => StatusCode::MULTI_STATUS,
    };
    Ok((status, Json(CreditAnswer::Import(answer))).into_response())
}

impl ImportAnswer {
    async fn book(&mut self, state: &ApiState, actor: &Actor, lines: Vec<Line>) {
        let mut numbers = Vec::new();
        let mut credits = Vec::new();
        for (number, line) in lines {
            match line {
                Ok(credit) => {
                    numbers.push(number);
                    credits.push(credit);
                }
                Err(problem) => {
                    self.count(number, Booked { id: Value::Null, result: Err(problem) })
                }
            }
        }
        for (number, booked) in numbers.into_iter().zip(book(state, actor, credits).await) {
            self.count(number, booked);
        }
    }

    fn count(&mut self, line: usize, booked: Booked) {
        let outcome = booked.into_outcome();
        match outcome.status {
            "credited" => self.credited += 1,
            "unchanged" => self.unchanged += 1,
            _refused => {
                self.refused += 1;
                if self.errors.len() < IMPORT_ERRORS_SHOWN_MAX {
                    let code = outcome.code.unwrap_or(codes::INTERNAL.name);
                    self.errors.push(LineError {
                        line,
                        id: outcome.id,
                        code,
                        error: outcome.error.unwrap_or_default(),
                    });
                }
            }
        }
    }
}

fn row(header: &[String], line: &str) -> Result<Value, Problem> {
    let wrong = |why: String| {
        Problem::new(&codes::INVALID_BODY, format!("The line cannot be read: {why}."))
    };
    let fields = split(line).ok_or_else(|| wrong("a quoted field does not end".to_owned()))?;
    if fields.len() != header.len() {
        return Err(wrong(format!(
            "it has {} fields, and the header has {}",
            fields.len(),
            header.len()
        )));
    }
    let named = header.iter().cloned().zip(fields.into_iter().map(Value::String));
    Ok(Value::Object(named.collect::<Map<_, _>>()))
}

/// RFC 4180 within one line: fields may stand in quotes, a quote inside is doubled. None where a
/// quote is left open.
fn split(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let field = fields.last_mut()?;
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    (!quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_the_rfc_says() {
        let fields = |line: &str| split(line).map(|fields| fields.join("|"));
        assert_eq!(fields("a,b,c").as_deref(), Some("a|b|c"));
        assert_eq!(fields("a,\"b,\"\"c\",").as_deref(), Some("a|b,\"c|"));
        assert_eq!(fields("").as_deref(), Some(""));
        assert_eq!(fields("a,\"b"), None);
    }

    #[test]
    fn a_row_has_as_many_fields_as_the_header() {
        let header = ["id".to_owned(), "amount".to_owned()];
        assert_eq!(row(&header, "a,1").ok(), Some(serde_json::json!({ "id": "a", "amount": "1" })));
        assert!(row(&header, "a").is_err() && row(&header, "a,b,c").is_err());
    }
}
