//! Values from the environment. A missing variable means the default. The error of a malformed
//! value names the variable and the accepted values.

/// A whole number from 0.
pub(crate) fn number<T: TryFrom<u64>>(name: &str, default: T) -> Result<T, String> {
    let Ok(text) = std::env::var(name) else {
        return Ok(default);
    };
    let number = text.parse().ok().and_then(|number: u64| T::try_from(number).ok());
    number.ok_or_else(|| format!("{name}={text}: it takes a whole number from 0 that fits"))
}

/// A whole number from 1.
pub(crate) fn positive<T: TryFrom<u64> + PartialEq + From<u8>>(name: &str, default: T) -> Result<T, String> {
    let number = number(name, default)?;
    if number == T::from(0) {
        Err(format!("{name}=0: it takes a whole number from 1"))
    } else {
        Ok(number)
    }
}

/// A whole number from 0. The word `default` means the client's default, which is `None`.
pub(crate) fn number_or_default(name: &str, default: Option<u64>) -> Result<Option<u64>, String> {
    match std::env::var(name).as_deref() {
        Ok("default") => Ok(None),
        Ok(text) => text
            .parse()
            .map(Some)
            .map_err(|_| format!("{name}={text}: it takes a whole number or `default`")),
        Err(_) => Ok(default),
    }
}

/// One of several words.
pub(crate) fn word<T: Copy>(name: &str, words: &[(&str, T)], default: T) -> Result<T, String> {
    let Ok(text) = std::env::var(name) else {
        return Ok(default);
    };
    match words.iter().find(|(word, _)| *word == text) {
        Some(&(_, value)) => Ok(value),
        None => {
            let known: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
            Err(format!("{name}={text}: it takes one of {}", known.join(", ")))
        }
    }
}
