//! One GET through `wasi:http`.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;

use crate::address::Address;
use crate::report;

/// A forecast of sixteen days has about 3 KB.
const BODY_BYTES_MAX: usize = 256 * 1024;
const READ_BYTES: u64 = 16 * 1024;
const TIMEOUT_NS: u64 = 8_000_000_000;

/// The body of the answer to a GET of `path` at the service.
///
/// # Errors
/// When the host does not allow the request, the service cannot be reached, or it answers with
/// anything but 200.
pub fn get(address: &Address, path: &str) -> Result<Vec<u8>, String> {
    let response = send(address, path).map_err(|error| explain(address, &error))?;
    let status = response.status();
    let body = read(&response)?;
    match status {
        200 => Ok(body),
        429 => Err(format!("{} is asked too often: try again in a minute", address.authority)),
        _ => Err(format!(
            "{} answered with status {status}{}",
            address.authority,
            report::reason(&body)
        )),
    }
}

fn send(address: &Address, path: &str) -> Result<IncomingResponse, ErrorCode> {
    let refused = |()| ErrorCode::HttpRequestUriInvalid;
    let headers = Fields::new();
    headers
        .append("accept", b"application/json")
        .map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    let request = OutgoingRequest::new(headers);
    request
        .set_scheme(Some(if address.secure { &Scheme::Https } else { &Scheme::Http }))
        .map_err(refused)?;
    request.set_authority(Some(&address.authority)).map_err(refused)?;
    request.set_path_with_query(Some(&format!("{}{path}", address.prefix))).map_err(refused)?;
    let options = RequestOptions::new();
    // A host without these limits has its own deadline, so that a refusal to set them is no error.
    let _ = options.set_connect_timeout(Some(TIMEOUT_NS));
    let _ = options.set_first_byte_timeout(Some(TIMEOUT_NS));
    let _ = options.set_between_bytes_timeout(Some(TIMEOUT_NS));
    let future = outgoing_handler::handle(request, Some(options))?;
    future.subscribe().block();
    match future.get() {
        Some(Ok(response)) => response,
        // Neither can be: it is ready, and asked once.
        Some(Err(())) | None => {
            Err(ErrorCode::InternalError(Some("the host gave no answer".into())))
        }
    }
}

fn read(response: &IncomingResponse) -> Result<Vec<u8>, String> {
    let body = response.consume().map_err(|()| "the answer has no body".to_string())?;
    let stream = body.stream().map_err(|()| "the answer's body cannot be read".to_string())?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(format!(
                    "the answer broke off: {}; try again",
                    error.to_debug_string()
                ));
            }
        }
        if bytes.len() > BODY_BYTES_MAX {
            return Err(format!(
                "the answer is longer than {BODY_BYTES_MAX} bytes: that is no weather report, check `base_url`"
            ));
        }
    }
}

fn explain(address: &Address, error: &ErrorCode) -> String {
    let host = address.host_and_port();
    match error {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            format!(
                "the plugin may not reach {host}: approve GET to this host and port in its grants, then ask again"
            )
        }
        ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => {
            format!("{host} is not found: check the network of the gateway, or `base_url`")
        }
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::HttpResponseTimeout => {
            format!("{host} did not answer in time: try again")
        }
        ErrorCode::ConnectionRefused
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable => {
            format!("{host} cannot be reached: check the network of the gateway, or `base_url`")
        }
        other => format!("asking {host} failed: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_approve() {
        let address = Address::parse("https://api.open-meteo.com").expect("an address");
        for code in [ErrorCode::HttpRequestDenied, ErrorCode::DestinationIpProhibited] {
            let sentence = explain(&address, &code);
            assert!(
                sentence.contains("approve GET") && sentence.contains("api.open-meteo.com:443"),
                "{sentence}"
            );
        }
        assert!(explain(&address, &ErrorCode::ConnectionRefused).contains("check the network"));
        assert!(explain(&address, &ErrorCode::TlsCertificateError).contains("TlsCertificateError"));
    }
}
