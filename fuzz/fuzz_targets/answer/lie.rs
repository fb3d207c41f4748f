//! What a broken or hostile node does to a right answer.

use arbitrary::Arbitrary;
use serde_json::{Value, json};

#[derive(Debug, Clone, Arbitrary)]
pub enum Lie {
    /// Something else altogether.
    Body(Vec<u8>),
    /// No answer.
    Silence,
    /// The value with that number is another one.
    Says { at: u8, what: Saying },
    /// The field or item with that number is not there.
    Omits { at: u8 },
    /// The item with that number stands there twice.
    Repeats { at: u8 },
    /// Two items of a list change places.
    Swaps { first: u8, second: u8 },
    /// Nothing but the truth, this time.
    Truth,
}

#[derive(Debug, Clone, Arbitrary)]
pub enum Saying {
    Null,
    Empty,
    True,
    Text(String),
    Quantity(u128),
    Number(u64),
    Negative,
    Largest,
    Word([u8; 32]),
    Other { add: i8 },
}

impl Lie {
    /// Changes a right answer; what is no change to one stays as it is.
    pub fn edits(&self, answer: &mut Value) {
        let _found = match self {
            Self::Body(_) | Self::Silence | Self::Truth => true,
            Self::Says { at, what } => {
                visit(answer, &mut usize::from(*at), &mut |value| what.replaces(value))
            }
            Self::Omits { at } => {
                visit_parents(answer, &mut usize::from(*at), &mut |parent, index| match parent {
                    Value::Array(items) => drop(items.remove(index)),
                    Value::Object(fields) => {
                        let name = fields.keys().nth(index).cloned().expect("it was counted");
                        fields.remove(&name);
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                })
            }
            Self::Repeats { at } => {
                visit_parents(answer, &mut usize::from(*at), &mut |parent, index| {
                    if let Value::Array(items) = parent {
                        items.push(items[index].clone());
                    }
                })
            }
            Self::Swaps { first, second } => {
                visit_parents(answer, &mut usize::from(*first), &mut |parent, index| {
                    if let Value::Array(items) = parent {
                        let other = usize::from(*second) % items.len();
                        items.swap(index, other);
                    }
                })
            }
        };
    }
}

impl Saying {
    fn replaces(&self, value: &mut Value) {
        *value = match self {
            Self::Null => Value::Null,
            Self::Empty => json!([]),
            Self::True => json!(true),
            Self::Text(text) => json!(text),
            Self::Quantity(quantity) => json!(format!("{quantity:#x}")),
            Self::Number(number) => json!(number),
            Self::Negative => json!("-0x1"),
            Self::Largest => json!("0xffffffffffffffff"),
            Self::Word(bytes) => json!(alloy::primitives::B256::from(*bytes)),
            Self::Other { add } => other(value, *add),
        };
    }
}

/// Nearly the same: a quantity a little larger, a text with another letter.
fn other(value: &Value, add: i8) -> Value {
    let quantity =
        value.as_str().and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    match (quantity, value) {
        (Some(quantity), _) => json!(format!("{:#x}", quantity.wrapping_add_signed(add.into()))),
        (None, Value::String(text)) => json!(text.replace('1', &add.unsigned_abs().to_string())),
        (None, Value::Number(number)) => {
            json!(number.as_i64().unwrap_or_default().wrapping_add(add.into()))
        }
        (None, Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => value.clone(),
    }
}

/// Gives `change` the value with that number, counted depth first.
fn visit(value: &mut Value, at: &mut usize, change: &mut impl FnMut(&mut Value)) -> bool {
    if *at == 0 {
        change(value);
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| visit(item, at, change)),
        Value::Object(fields) => fields.iter_mut().any(|(_, field)| visit(field, at, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The same for what is within something else: gives the parent, and the place in it.
fn visit_parents(
    value: &mut Value,
    at: &mut usize,
    change: &mut impl FnMut(&mut Value, usize),
) -> bool {
    let count = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    };
    if *at < count {
        let index = *at;
        change(value, index);
        return true;
    }
    *at -= count;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| visit_parents(item, at, change)),
        Value::Object(fields) => {
            fields.iter_mut().any(|(_, field)| visit_parents(field, at, change))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
