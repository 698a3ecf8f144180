//! Which names the server answers to.

use std::net::{IpAddr, Ipv6Addr};

use http::header::HOST;
use http::{Request, StatusCode};

/// The names that a connection may ask for.
///
/// A page of somebody else can point a name of its own at 127.0.0.1 once it has loaded (DNS rebinding), and would then read
/// what is meant for this machine's user. Its requests carry that name, so that on a loopback address nothing but
/// `localhost` and addresses is answered. Where other machines are let in, any name may be the right one.
pub(super) struct Names<'a> {
    /// The address of this machine that the connection came in on.
    pub(super) local: IpAddr,
    /// Names that are right on loopback too: a reverse proxy passes on its own.
    pub(super) further: &'a [String],
}

impl Names<'_> {
    /// Why a request is not answered, or `None` where it is.
    pub(super) fn refuse<B>(&self, request: &Request<B>) -> Option<(StatusCode, &'static str)> {
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            // RFC 9112, section 3.2.
            return Some((
                StatusCode::BAD_REQUEST,
                "A request must name one host in its Host header.\n",
            ));
        };
        let known = host.to_str().is_ok_and(|host| self.answer_to(host));
        (!known).then_some((
            StatusCode::MISDIRECTED_REQUEST,
            "This server answers to localhost and to addresses: start it with --allow-host NAME for another name.\n",
        ))
    }

    fn answer_to(&self, host: &str) -> bool {
        let name = without_port(host);
        let loopback = self.local.to_canonical().is_loopback();
        !loopback
            || name.eq_ignore_ascii_case("localhost")
            || is_address(name)
            || self
                .further
                .iter()
                .any(|further| further.eq_ignore_ascii_case(name))
    }
}

/// `host:80` without `:80`; the colons of `[::1]` stay.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_address(name: &str) -> bool {
    let in_brackets = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match in_brackets {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn loopback_answers_to_localhost_and_addresses_alone() {
        let further = ["viewer.example".to_owned()];
        let status = |local: IpAddr, host: &str| {
            let request = Request::builder().header(HOST, host).body(());
            let names = Names {
                local,
                further: &further,
            };
            names.refuse(&request.unwrap_or_default()).map(|(s, _)| s)
        };
        let loopback = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            Ipv6Addr::LOCALHOST.into(),
            // An IPv4 connection to a socket for both.
            Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
        ];
        for local in loopback {
            for good in [
                "localhost",
                "LocalHost:8080",
                "127.0.0.1",
                "127.0.0.1:80",
                "[::1]:80",
                "[::1]",
                "192.0.2.7:80",
                "viewer.example",
                "Viewer.Example:443",
            ] {
                assert_eq!(status(local, good), None, "{good}");
            }
            for bad in [
                "evil.example",
                "127.0.0.1.evil.example:80",
                "localhost.evil.example",
                "",
                ":80",
                "[evil.example]",
                "localhost:80:80",
            ] {
                let refused = Some(StatusCode::MISDIRECTED_REQUEST);
                assert_eq!(status(local, bad), refused, "{bad}");
            }
        }
        let outside = Ipv4Addr::new(192, 0, 2, 7).into();
        assert_eq!(status(outside, "viewer.hospital"), None);
    }

    #[test]
    fn a_request_names_one_host() {
        let names = Names {
            local: Ipv4Addr::LOCALHOST.into(),
            further: &[],
        };
        let none = Request::new(());
        let mut two = Request::new(());
        for host in ["localhost", "evil.example"] {
            two.headers_mut()
                .append(HOST, http::HeaderValue::from_static(host));
        }
        for request in [none, two] {
            let (status, _) = names.refuse(&request).unwrap_or_default();
            assert_eq!(status, StatusCode::BAD_REQUEST);
        }
    }
}
