//! JSON in which no name stands twice in one object. Readers disagree about which of two would
//! count, so neither does.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A value whose objects name each field once.
pub struct Strict(pub Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = fields.next_entry::<String, Strict>()? {
            if object.insert(name.clone(), value).is_some() {
                return Err(de::Error::custom(format_args!("duplicate field `{name}`")));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_stands_once_in_an_object() {
        let read = |text: &str| serde_json::from_str::<Strict>(text).map(|strict| strict.0);
        assert_eq!(
            read(r#"{"a":[1,-2,0.5,null,true,{"a":"b"}]}"#).expect("fine"),
            json!({"a": [1, -2, 0.5, null, true, {"a": "b"}]})
        );
        for text in [
            r#"{"amount":"1","amount":"5"}"#,
            r#"{"credits":[{"userId":"ada","userId":"chen"}]}"#,
            r#"{"a":1,"b":{"c":1,"c":1}}"#,
        ] {
            assert!(
                read(text).expect_err("refused").to_string().contains("duplicate field"),
                "{text}"
            );
        }
    }
}
