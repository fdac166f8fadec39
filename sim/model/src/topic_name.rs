//! Which topic names are valid, by Kafka's rules.

/// The longest topic name in bytes: with partition and suffix the name must fit a file name.
pub const TOPIC_NAME_LEN_MAX: usize = 249;

/// Checks a name, and says which rule the name breaks.
pub(crate) fn validate(name: &str) -> Result<(), &'static str> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Err("it is empty"),
        "." | ".." => Err("it is '.' or '..'"),
        _ if name.len() > TOPIC_NAME_LEN_MAX => Err("it is longer than 249 characters"),
        _ if !name.chars().all(is_legal) => {
            Err("it has a character other than ASCII letters, digits, '.', '_' and '-'")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_by_kafkas_rules() {
        for valid in ["a", "orders.v1", "A_b-9", "...", &"x".repeat(249)] {
            assert_eq!(validate(valid), Ok(()), "{valid}");
        }
        for invalid in ["", ".", "..", "a b", "ü", "a/b", &"x".repeat(250)] {
            assert!(validate(invalid).is_err(), "{invalid}");
        }
    }
}
