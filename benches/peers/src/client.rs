//! The names of the clients.

/// The clients, in the order of their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Client {
    Linger,
    /// Linger with dropped deliveries, which `flush` and the ledger count.
    LingerDropped,
    Librdkafka,
    FutureProducer,
    Krafka,
    Rskafka,
    Java,
    FranzGo,
    Floor,
}

impl Client {
    pub(crate) const ALL: [Self; 9] = [
        Self::Linger,
        Self::LingerDropped,
        Self::Librdkafka,
        Self::FutureProducer,
        Self::Krafka,
        Self::Rskafka,
        Self::Java,
        Self::FranzGo,
        Self::Floor,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linger => "linger",
            Self::LingerDropped => "linger-dropped",
            Self::Librdkafka => "librdkafka",
            Self::FutureProducer => "future-producer",
            Self::Krafka => "krafka",
            Self::Rskafka => "rskafka",
            Self::Java => "java",
            Self::FranzGo => "franz-go",
            Self::Floor => "floor",
        }
    }

    /// Whether Linger is compared with this client. The floor is no producer.
    pub(crate) fn is_peer(self) -> bool {
        match self {
            Self::Linger | Self::LingerDropped | Self::Floor => false,
            Self::Librdkafka
            | Self::FutureProducer
            | Self::Krafka
            | Self::Rskafka
            | Self::Java
            | Self::FranzGo => true,
        }
    }

    /// Whether a partition gets its records in the order of the sends. In rskafka, concurrent sends
    /// race.
    pub(crate) fn keeps_order(self) -> bool {
        self != Self::Rskafka
    }

    pub(crate) fn by_name(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|client| client.name() == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("there is no client {name}: it is one of {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_written_as_it_is_named() {
        for client in Client::ALL {
            let written = serde_json::to_string(&client).expect("a name is text");
            assert_eq!(written, format!("{:?}", client.name()));
            assert_eq!(Client::by_name(client.name()), Ok(client));
        }
    }
}
