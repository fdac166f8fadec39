//! Where a broker listens.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A host and a port, as in `bootstrap.servers` and in metadata. The host is a name or a literal
/// address and is resolved at every dial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Name or literal address, without the brackets of IPv6.
    pub host: Arc<str>,
    /// TCP port, 1 to 65535.
    pub port: u16,
}

/// Why a text is not an [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a broker's address: {problem}; write host:port or [ipv6]:port")]
pub struct AddressError {
    text: String,
    problem: &'static str,
}

impl Address {
    /// The address of `host` (unbracketed) and `port`.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// Parses a comma-separated list as in `bootstrap.servers`; empty entries are skipped.
    ///
    /// # Errors
    /// The first entry that is not `host:port`.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, AddressError> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(str::parse)
            .collect()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |problem| AddressError {
            text: text.to_owned(),
            problem,
        };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest
                .split_once("]:")
                .ok_or_else(|| fail("the bracket is not closed by \"]:port\""))?,
            None => text.rsplit_once(':').ok_or_else(|| fail("the port is missing"))?,
        };
        if host.is_empty() {
            return Err(fail("the host is empty"));
        }
        if !text.starts_with('[') && host.contains(':') {
            return Err(fail("an IPv6 address needs brackets"));
        }
        if host.contains(|c: char| c.is_whitespace() || c == '/') {
            return Err(fail("the host contains a space or a slash"));
        }
        match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Self::new(host, port)),
            _ => Err(fail("the port is not a number from 1 to 65535")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("localhost:9092", "localhost", 9092)]
    #[case("10.0.0.1:1", "10.0.0.1", 1)]
    #[case("[::1]:9092", "::1", 9092)]
    fn an_address_prints_as_it_was_written(#[case] text: &str, #[case] host: &str, #[case] port: u16) {
        let address: Address = text.parse().unwrap();
        assert_eq!(address, Address::new(host, port));
        assert_eq!(address.to_string(), text);
    }

    #[rstest]
    #[case("localhost")]
    #[case(":9092")]
    #[case("h:0")]
    #[case("h:65536")]
    #[case("::1:9092")]
    #[case("[::1:9092")]
    #[case("http://h:9092")]
    fn a_bad_address_is_refused_with_its_text(#[case] text: &str) {
        let error = text.parse::<Address>().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }

    #[test]
    fn a_list_may_have_spaces_and_a_trailing_comma() {
        let list = Address::parse_list("a:1, b:2,").unwrap();
        assert_eq!(list, [Address::new("a", 1), Address::new("b", 2)]);
    }
}
