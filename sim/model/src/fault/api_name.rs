//! The names of APIs in the text form: Kafka's names, in lower case with hyphens.

use linger_protocol::ApiKey;

/// `ListOffsets` is `list-offsets`.
pub(super) fn api_name(api: ApiKey) -> String {
    let mut name = String::new();
    for letter in api.name().chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The API of a name; `None` if there is no such API.
pub(super) fn api_of(name: &str) -> Option<ApiKey> {
    ApiKey::ALL.into_iter().find(|api| api_name(*api) == name)
}

/// The names of all APIs, for messages.
pub(super) fn api_names() -> String {
    ApiKey::ALL.map(api_name).join(", ")
}
