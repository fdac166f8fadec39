//! Structured logs of a small web shop; the same seed gives the same logs.
//!
//! The compression ratio depends on the entropy of the records. So the fields that are random in
//! real logs (request and trace ids, users, addresses, latencies) are random here. The fields that
//! repeat in real logs (keys, services, routes, messages, user agents) repeat here, some of them
//! more often than others. Lines have 150 to 600 bytes. About one in a hundred is longer, because
//! it has a stack trace.

use std::fmt::Write as _;

use crate::workload::random::Random;
use crate::workload::records::Records;

/// First timestamp of the generated logs, as milliseconds of its day (08:00).
const DAY_STARTS_MS: u64 = 8 * 3_600_000;

/// The largest number of generated lines: about 256 MiB, as much as an input may have.
pub const GENERATED_RECORDS_MAX: usize = 600_000;

/// Generates `count` log lines from `seed`. No line contains a line break.
pub fn generate(count: usize, seed: u64) -> Records {
    let mut logs = Logs::new(seed);
    let mut records = Records::default();
    let mut line = String::with_capacity(1024);
    for _ in 0..count {
        line.clear();
        logs.write_line(&mut line);
        records.push(line.as_bytes());
    }
    records
}

/// Writes formatted text to a `String`; that never fails.
macro_rules! put {
    ($line:expr, $($arguments:tt)*) => {
        $line.write_fmt(format_args!($($arguments)*)).expect("writing to a String never fails")
    };
}

struct Service {
    name: &'static str,
    version: &'static str,
    loggers: &'static [&'static str],
    routes: &'static [Route],
    pods: u64,
}

struct Route {
    method: &'static str,
    /// `{}` is replaced by an id.
    path: &'static str,
    message: &'static str,
    latency_ms_median: f64,
}

const fn route(
    method: &'static str,
    path: &'static str,
    message: &'static str,
    latency_ms_median: f64,
) -> Route {
    Route {
        method,
        path,
        message,
        latency_ms_median,
    }
}

const SERVICES: [Service; 6] = [
    Service {
        name: "api-gateway",
        version: "4.18.2",
        loggers: &["gateway.access", "gateway.router", "gateway.auth"],
        routes: &[
            route("GET", "/v1/products/{}", "request completed", 18.0),
            route("GET", "/v1/search?q={}", "request completed", 42.0),
            route("POST", "/v1/carts/{}/items", "request completed", 25.0),
            route("GET", PROBED, "health check", 0.4),
        ],
        pods: 6,
    },
    Service {
        name: "checkout",
        version: "2.7.0",
        loggers: &["checkout.order", "checkout.saga", "checkout.http"],
        routes: &[
            route("POST", "/v1/orders", "order accepted", 85.0),
            route("GET", "/v1/orders/{}", "order read", 12.0),
            route(
                "POST",
                "/v1/orders/{}/cancel",
                "order cancelled by customer",
                31.0,
            ),
        ],
        pods: 4,
    },
    Service {
        name: "payments",
        version: "1.44.1",
        loggers: &["payments.card", "payments.ledger", "payments.fraud"],
        routes: &[
            route("POST", "/internal/charges", "charge authorised", 140.0),
            route("POST", "/internal/charges/{}/capture", "charge captured", 95.0),
            route("POST", "/internal/refunds", "refund queued", 60.0),
        ],
        pods: 3,
    },
    Service {
        name: "inventory",
        version: "0.93.5",
        loggers: &["inventory.stock", "inventory.reservation"],
        routes: &[
            route("PUT", "/internal/stock/{}", "stock level changed", 8.0),
            route(
                "POST",
                "/internal/reservations",
                "reservation held for 900 s",
                14.0,
            ),
        ],
        pods: 3,
    },
    Service {
        name: "search",
        version: "7.2.9",
        loggers: &["search.query", "search.index"],
        routes: &[
            route("POST", "/internal/query", "query served from shard cache", 22.0),
            route("POST", "/internal/index/{}", "document indexed", 35.0),
        ],
        pods: 5,
    },
    Service {
        name: "mailer",
        version: "1.3.12",
        loggers: &["mailer.smtp", "mailer.template"],
        routes: &[route("POST", "/internal/mail/{}", "mail handed to relay", 210.0)],
        pods: 2,
    },
];

/// The route of health checks, and the user agent that calls it.
const PROBED: &str = "/healthz";
const PROBE_AGENT: &str = "kube-probe/1.32";

const USER_AGENTS: [&str; 7] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/133.0.0.0",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/133.0.0.0 Mobile",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Firefox/135.0",
    "shop-ios/9.41.0 (build 20713)",
    "shop-android/9.40.2 (build 20688)",
];

const REGIONS: [&str; 4] = ["eu-central-1", "eu-west-1", "us-east-1", "ap-southeast-2"];

const WARNINGS: [&str; 5] = [
    "slow upstream, retrying once",
    "connection pool above 80 % of its limit",
    "cache miss storm, serving stale entry",
    "rate limit near for tenant",
    "deadline of caller nearly spent",
];

const FAILURES: [(&str, &str, &[&str]); 3] = [
    (
        "java.net.SocketTimeoutException",
        "Read timed out",
        &[
            "java.base/sun.nio.ch.NioSocketImpl.timedRead",
            "java.base/sun.nio.ch.NioSocketImpl.implRead",
            "shop.http.PooledConnection.readHead",
            "shop.http.RetryingClient.execute",
            "shop.upstream.Call.run",
            "java.base/java.util.concurrent.ThreadPoolExecutor.runWorker",
        ],
    ),
    (
        "shop.db.DeadlockLoserException",
        "transaction was chosen as the victim of a deadlock",
        &[
            "shop.db.Session.translate",
            "shop.db.Session.update",
            "shop.stock.ReservationStore.hold",
            "shop.stock.ReservationService.reserve",
            "shop.http.Dispatcher.dispatch",
            "java.base/java.lang.VirtualThread.run",
        ],
    ),
    (
        "java.lang.IllegalStateException",
        "saga step finished twice",
        &[
            "shop.saga.Step.finish",
            "shop.saga.Coordinator.onEvent",
            "shop.saga.Coordinator.lambda$subscribe$2",
            "shop.events.Consumer.poll",
            "java.base/java.lang.Thread.run",
        ],
    ),
];

/// The generator's state.
struct Logs {
    random: Random,
    now_ms: u64,
    pod_suffixes: Vec<String>,
    sequence: u64,
}

impl Logs {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let pods: u64 = SERVICES.iter().map(|service| service.pods).sum();
        let pod_suffixes = (0..pods)
            .map(|_| format!("{:010x}", random.next() >> 24))
            .collect();
        Self {
            random,
            now_ms: DAY_STARTS_MS,
            pod_suffixes,
            sequence: random_start(seed),
        }
    }

    fn write_line(&mut self, line: &mut String) {
        self.now_ms += (self.random.exponential() * 1.7) as u64;
        self.sequence += 1;
        let service_index = self.random.skewed(SERVICES.len());
        let service = &SERVICES[service_index];
        let level = match self.random.below(1000) {
            0..10 => "ERROR",
            10..60 => "WARN",
            60..260 => "DEBUG",
            _ => "INFO",
        };
        line.push('{');
        self.write_origin(line, level, service_index);
        match level {
            "ERROR" => self.write_failure(line),
            "WARN" => {
                let warning = WARNINGS[self.random.skewed(WARNINGS.len())];
                self.write_request(line, service, warning);
            }
            "DEBUG" => self.write_detail(line),
            _ => {
                let route = &service.routes[self.random.skewed(service.routes.len())];
                self.write_access(line, route);
            }
        }
        line.push('}');
    }

    fn write_origin(&mut self, line: &mut String, level: &str, service_index: usize) {
        let service = &SERVICES[service_index];
        let first_pod: u64 = SERVICES[..service_index].iter().map(|earlier| earlier.pods).sum();
        let pod = &self.pod_suffixes[(first_pod + self.random.below(service.pods)) as usize];
        let logger = service.loggers[self.random.skewed(service.loggers.len())];
        line.push_str("\"ts\":\"");
        write_timestamp(line, self.now_ms);
        put!(
            line,
            "\",\"level\":\"{level}\",\"service\":\"{}\",\"version\":\"{}\",\"pod\":\"{}-{pod}\",\"logger\":\"{logger}\"",
            service.name,
            service.version,
            service.name
        );
    }

    fn write_access(&mut self, line: &mut String, route: &Route) {
        let status = match self.random.below(100) {
            0..3 => 404,
            3..5 => 429,
            5 => 503,
            6..20 => 201,
            _ => 200,
        };
        let latency_ms = self.random.log_normal(route.latency_ms_median, 0.7);
        put!(
            line,
            ",\"msg\":\"{}\",\"method\":\"{}\",\"path\":\"",
            route.message,
            route.method
        );
        match route.path.split_once("{}") {
            Some((before, after)) => {
                let id = self.random.below(90_000_000) + 10_000_000;
                put!(line, "{before}{id}{after}");
            }
            None => line.push_str(route.path),
        }
        put!(line, "\",\"status\":{status},\"latency_ms\":{latency_ms:.3}");
        put!(line, ",\"bytes\":{}", self.random.log_normal(2400.0, 1.1) as u64);
        self.write_ids(line);
        if self.random.below(3) > 0 {
            let from_outside = USER_AGENTS[self.random.skewed(USER_AGENTS.len())];
            let agent = if route.path == PROBED {
                PROBE_AGENT
            } else {
                from_outside
            };
            let [a, b, c] = [
                self.random.below(224),
                self.random.below(256),
                self.random.below(256),
            ];
            put!(
                line,
                ",\"client\":{{\"ip\":\"{}.{a}.{b}.{c}\",\"agent\":\"{agent}\"}}",
                11 + a % 180
            );
        }
        let region = REGIONS[self.random.skewed(REGIONS.len())];
        put!(line, ",\"region\":\"{region}\"");
    }

    fn write_request(&mut self, line: &mut String, service: &Service, message: &str) {
        let spent_ms = self.random.log_normal(900.0, 0.5);
        let upstream = SERVICES[self.random.skewed(SERVICES.len())].name;
        put!(
            line,
            ",\"msg\":\"{message}\",\"upstream\":\"{upstream}\",\"spent_ms\":{spent_ms:.1}"
        );
        put!(
            line,
            ",\"attempt\":{},\"tenant\":\"{}\"",
            1 + self.random.below(3),
            service.name
        );
        self.write_ids(line);
    }

    fn write_detail(&mut self, line: &mut String) {
        let latency_us = self.random.log_normal(310.0, 0.9) as u64;
        let rows = self.random.skewed(40);
        put!(
            line,
            ",\"msg\":\"query finished\",\"statement\":\"q{:02}\",\"rows\":{rows},\"elapsed_us\":{latency_us}",
            self.random.skewed(30)
        );
        put!(line, ",\"seq\":{}", self.sequence);
        self.write_ids(line);
    }

    fn write_failure(&mut self, line: &mut String) {
        let (class, message, frames) = FAILURES[self.random.skewed(FAILURES.len())];
        put!(
            line,
            ",\"msg\":\"request failed: {message}\",\"error\":\"{class}\",\"stack\":\"{class}: {message}"
        );
        for frame in frames {
            let file = frame.rsplit('.').nth(1).unwrap_or("Unknown");
            put!(
                line,
                "\\n\\tat {frame}({file}.java:{})",
                20 + self.random.below(400)
            );
        }
        line.push('"');
        self.write_ids(line);
    }

    fn write_ids(&mut self, line: &mut String) {
        let [request, trace_high, trace_low] = [self.random.next(), self.random.next(), self.random.next()];
        put!(
            line,
            ",\"request_id\":\"{request:016x}\",\"trace_id\":\"{trace_high:016x}{trace_low:016x}\""
        );
        if self.random.below(4) > 0 {
            put!(line, ",\"user\":\"u{}\"", 100_000 + self.random.skewed(2_000_000));
        }
    }
}

fn write_timestamp(line: &mut String, now_ms: u64) {
    let (day, ms) = (2 + now_ms / 86_400_000, now_ms % 86_400_000);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    put!(
        line,
        "2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        ms % 1000
    );
}

/// The first sequence number of a log.
fn random_start(seed: u64) -> u64 {
    Random::new(seed ^ 0x5eed).below(50_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_logs() {
        assert_eq!(generate(500, 7), generate(500, 7));
        assert_ne!(generate(500, 7), generate(500, 8));
    }

    #[test]
    fn a_longer_run_begins_with_the_shorter_one() {
        let (short, long) = (generate(100, 3), generate(200, 3));
        assert!((0..100).all(|index| short.get(index) == long.get(index)));
    }

    #[test]
    fn every_line_is_json_on_one_line() {
        let records = generate(2000, 1);
        for record in records.iter() {
            assert!(!record.contains(&b'\n') && !record.contains(&0));
            let parsed: serde_json::Value = serde_json::from_slice(record).expect("a line is JSON");
            assert!(parsed["ts"].is_string() && parsed["request_id"].is_string());
        }
    }

    #[test]
    fn lines_have_the_sizes_of_logs() {
        let records = generate(5000, 2);
        let usual = records
            .iter()
            .filter(|record| (150..=600).contains(&record.len()))
            .count();
        assert!(usual >= 4900, "{usual} of 5000 lines have 150 to 600 bytes");
        let mean = records.size() / records.len();
        assert!((250..450).contains(&mean), "the mean line has {mean} bytes");
        let traces = records
            .iter()
            .filter(|record| record.windows(7).any(|window| window == b"\"stack\""))
            .count();
        assert!(
            (20..=100).contains(&traces),
            "{traces} of 5000 lines carry a stack trace"
        );
    }

    #[test]
    fn ids_do_not_repeat() {
        let records = generate(2000, 5);
        let mut ids: Vec<String> = records
            .iter()
            .map(|record| {
                serde_json::from_slice::<serde_json::Value>(record).expect("JSON")["trace_id"].to_string()
            })
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 2000);
    }
}
