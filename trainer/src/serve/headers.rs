//! What every answer carries beside the file.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What the page may do, as a `<meta http-equiv>` can say it: load its own scripts, compile its own WebAssembly, start its
/// own worker, fetch from its own origin, show pictures that it made or was given, and nothing else.
///
/// The page repeats this text, so that it holds on any web server.
pub const PAGE_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
     connect-src 'self'; img-src 'self'; style-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'";

/// Which pages may frame this one, where nobody says: those of its own origin.
pub const FRAME_ANCESTORS: &str = "'self'";

/// Browser features that a page which looks at pictures has no business with.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// What a browser may keep for a year without asking.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// The digits in the name of the viewer's folder.
const DIGITS: usize = 16;

/// Whether a path leads into a folder that is named by its contents, `viewer-` and sixteen hexadecimal digits, as `cargo xtask
/// site` makes it: what is there never changes.
pub(super) fn never_changes(path: &str) -> bool {
    path.split('/').any(|part| {
        part.strip_prefix("viewer-").is_some_and(|version| {
            version.len() == DIGITS && version.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    })
}

/// Adds the headers to an answer. `frame_ancestors` are the sources that may frame the page, which only a header can say;
/// `keep` what may be kept for good.
pub(super) fn add(headers: &mut HeaderMap, frame_ancestors: &str, keep: bool) {
    let policy = format!("{PAGE_POLICY}; frame-ancestors {frame_ancestors}");
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // Names beside that folder stay the same when the site is built again, so a browser asks each time; what has not
        // changed is answered with 304 and no body.
        (CACHE_CONTROL, if keep { FOR_GOOD } else { "no-cache" }),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
}

#[cfg(test)]
mod tests {
    use super::never_changes;

    #[test]
    fn only_a_folder_with_a_version_is_kept() {
        assert!(never_changes("/viewer-0123456789abcdef/element.js"));
        assert!(never_changes(
            "/site/viewer-0123456789abcdef/pellucid_viewer_bg.wasm"
        ));
        for path in [
            "/",
            "/viewer/element.js",
            "/viewer-0123/element.js",
            "/pellucid-viewer.js",
            "/models/viewer-0123456789abcdeg/x",
        ] {
            assert!(!never_changes(path), "{path}");
        }
    }
}
