//! What the environment says of the export. The SDK reads most of it itself, and passes over in silence what it does not understand:
//! here that stops the start. Source: <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

use std::time::Duration;

use reqwest::Url;

/// A variable that is wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name} must be {must_be}")]
pub struct InvalidVariable {
    name: &'static str,
    must_be: &'static str,
}

/// Where spans go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Environment {
    pub endpoint: Url,
    /// For one request to the collector.
    pub timeout: Duration,
}

/// The default of [`Environment::timeout`], as the specification has it.
const TIMEOUT_MS: u64 = 10_000;

const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

impl Environment {
    /// `None` if nothing is to be exported.
    pub fn read(of: impl Fn(&str) -> Option<String>) -> Result<Option<Environment>, InvalidVariable> {
        // The one for traces alone wins.
        let either = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, of(name)?)));
        let is = |name: &str, word: &str| of(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let Some((name, endpoint)) =
            either(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
        else {
            return Ok(None);
        };
        let must_be = "an address that begins with http:// or https://";
        let endpoint = Url::parse(&endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let endpoint = endpoint.ok_or(InvalidVariable { name, must_be })?;
        let protocol = either(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        if let Some((name, _)) = protocol.filter(|(_, protocol)| protocol != "http/protobuf") {
            return Err(InvalidVariable { name, must_be: "http/protobuf, which is the only one here" });
        }
        check_sampler(&of)?;
        let timeout = either(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]);
        let timeout = timeout.map(|(name, ms)| {
            ms.parse().map_err(|_| InvalidVariable { name, must_be: "a number of milliseconds" })
        });
        let timeout = Duration::from_millis(timeout.transpose()?.unwrap_or(TIMEOUT_MS));
        Ok(Some(Environment { endpoint, timeout }))
    }

    /// Without a password, and without a path that may be one.
    pub fn host(&self) -> String {
        let host = self.endpoint.host_str().unwrap_or_default();
        self.endpoint.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
    }
}

fn check_sampler(of: impl Fn(&str) -> Option<String>) -> Result<(), InvalidVariable> {
    let Some(sampler) = of("OTEL_TRACES_SAMPLER") else { return Ok(()) };
    if !SAMPLERS.contains(&&*sampler) {
        let must_be = "always_on, always_off, traceidratio, or one of these with parentbased_ before it";
        return Err(InvalidVariable { name: "OTEL_TRACES_SAMPLER", must_be });
    }
    let ratio = of("OTEL_TRACES_SAMPLER_ARG").and_then(|ratio| ratio.parse::<f64>().ok());
    if sampler.ends_with("traceidratio") && !ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)) {
        return Err(InvalidVariable { name: "OTEL_TRACES_SAMPLER_ARG", must_be: "a share from 0 to 1" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    fn read(variables: &[(&str, &str)]) -> Result<Option<Environment>, InvalidVariable> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Environment::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn without_an_endpoint_or_where_it_is_switched_off_nothing_is_exported() {
        for off in [
            &[("OTEL_TRACES_SAMPLER", "nonsense")][..],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(read(off), Ok(None), "{off:?}");
        }
    }

    #[test]
    fn the_address_of_traces_wins_and_is_shown_without_password_and_path() {
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://user:pass@otel.example:4318/key/v1/traces");
        let environment = read(&[ENDPOINT, own]).unwrap().unwrap();
        assert_eq!(environment.host(), "otel.example:4318");
        assert_eq!(environment.timeout, Duration::from_secs(10));
        let slow = read(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_TIMEOUT", "250")]).unwrap().unwrap();
        assert_eq!((slow.host(), slow.timeout), ("127.0.0.1:4318".to_owned(), Duration::from_millis(250)));
    }

    #[test]
    fn what_the_sdk_would_pass_over_is_named() {
        for (name, bad) in [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "no address"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_TRACES_SAMPLER", "xray"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ] {
            let error = read(&[ENDPOINT, (name, bad)]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{name} must be ")), "{error}");
        }
        let ratio = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
        for bad in ["", "all", "1.5", "-0.1", "NaN"] {
            let error = read(&[ENDPOINT, ratio, ("OTEL_TRACES_SAMPLER_ARG", bad)]).unwrap_err();
            assert_eq!(error.name, "OTEL_TRACES_SAMPLER_ARG", "{bad}");
        }
        assert!(read(&[ENDPOINT, ratio, ("OTEL_TRACES_SAMPLER_ARG", "0.25")]).is_ok());
    }
}
