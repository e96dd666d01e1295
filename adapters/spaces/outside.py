"""A bucket as strangers see it: the way to it, the certificate, the clock, and what is open to everyone.

Nothing here is signed; the requests are those that anybody could send.
"""

import ipaddress
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

import httpx

from provenstore.adapters.spaces.client import CONNECT_TIMEOUT, Bucket
from provenstore.adapters.spaces.findings import Finding, failed, fine, warned

TIMEOUT = 30.0  # seconds without a byte
MAX_SKEW = timedelta(minutes=15)  # beyond it S3 refuses every request
SMALL_SKEW = timedelta(minutes=1)
RENEWED_BEFORE = timedelta(days=14)  # authorities renew earlier; a certificate this old was forgotten


class Outside:
    """Asks one bucket without a key; `now` is our clock."""

    def __init__(self, bucket: Bucket, now: Callable[[], datetime]) -> None:
        self._now = now
        parts = urlsplit(bucket.endpoint)
        self._scheme, self._host = parts.scheme, parts.hostname or ""
        place = f"/{bucket.name}" if bucket.path_style else ""
        self._name = self._host if bucket.path_style else f"{bucket.name}.{self._host}"
        port = f":{parts.port}" if parts.port else ""
        self._url = f"{parts.scheme}://{self._name}{port}{place}"
        ca_file = bucket.ca_file
        self._trusted = httpx.create_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)

    def endpoint(self) -> Iterator[Finding]:
        """Look at the way to the server: does it answer, is it who it says, what time is it there."""
        try:
            answer, expires = self._answer()
        except httpx.HTTPError as exc:
            yield _unreachable(exc)
            return
        yield fine("endpoint", f"{self._name} answers")
        yield from self._tls(expires)
        yield self._clock(answer.headers.get("date"))

    def strangers(self, key: str) -> Iterator[Finding]:
        """Look at what everybody may do: list the bucket, read an object that is there, write one."""
        at = f"{self._url}/{quote(key)}"
        private = "make the bucket private: `provenstore bucket harden`, and look for a policy that opens it"
        yield self._closed("public listing", "GET", f"{self._url}/?max-keys=1", private)
        yield self._closed("public reading", "GET", at, private)
        yield self._closed("public writing", "PUT", f"{at}-by-a-stranger", private)
        yield self._closed("public deletion", "DELETE", f"{at}-by-a-stranger", private)

    def _answer(self) -> tuple[httpx.Response, datetime | None]:
        """Return any answer of the server, and until when its certificate is good."""
        timeout = httpx.Timeout(TIMEOUT, connect=CONNECT_TIMEOUT)
        with (
            httpx.Client(verify=self._trusted, timeout=timeout) as client,
            client.stream("GET", f"{self._url}/?max-keys=1") as answer,
        ):
            connection = answer.extensions["network_stream"].get_extra_info("ssl_object")
            ends = connection.getpeercert()["notAfter"] if connection is not None else None
        return answer, None if ends is None else datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)

    def _tls(self, expires: datetime | None) -> Iterator[Finding]:
        if self._scheme == "https" and expires is None:  # by way of a proxy
            yield fine("tls", "the certificate is trusted")
        elif expires is not None:
            told = f"the certificate is trusted, and good until {expires:%Y-%m-%d}"
            if expires - self._now() > RENEWED_BEFORE:
                yield fine("tls", told)
            else:
                yield warned("tls", told, "renew the certificate")
        elif _is_loopback(self._host):
            yield fine("tls", "plain http, which does not leave this machine")
        else:
            yield warned("tls", "plain http: everybody on the way reads along", "use an https endpoint")

    def _clock(self, told: str | None) -> Finding:
        try:
            there = None if told is None else parsedate_to_datetime(told)
        except ValueError:
            there = None
        if there is None:
            return warned("clock", "the server does not tell its time", "compare the clocks yourself")
        skew = abs(self._now() - there)
        seconds = f"{skew.total_seconds():.0f} seconds"
        if skew < SMALL_SKEW:
            return fine("clock", "the server's clock agrees with ours")
        advice = "let this machine's clock be set by NTP; signed requests are refused when it is 15 minutes off"
        kind = failed if skew > MAX_SKEW else warned
        return kind("clock", f"the server's clock and ours are {seconds} apart", advice)

    def _closed(self, what: str, method: str, url: str, advice: str) -> Finding:
        try:
            status = httpx.request(method, url, verify=self._trusted, timeout=TIMEOUT).status_code
        except httpx.HTTPError as exc:
            return _unreachable(exc)
        if 400 <= status < 500:  # 403 as a rule; Swift calls a request without a key a bad one
            return fine(what, f"refused to strangers ({status})")
        if status < 300:
            return failed(what, f"allowed to everybody ({status})", advice)
        return warned(what, f"the server answers strangers {status}", "look at what that means, and check again")


def _unreachable(error: httpx.HTTPError) -> Finding:
    """Say why a server could not be asked. The words are OpenSSL's or the system's; nothing in them was signed."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = "renew the certificate, or name the authority it is from in PROVENSTORE_SPACES_CA_FILE"
        return failed("tls", f"the certificate is not trusted: {cause.verify_message}", advice)
    if cause is not None:
        return failed("tls", "there is no https at this address", "check DO_SPACES_ENDPOINT")
    told = "does not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
    return failed("endpoint", f"the server {told}", "check DO_SPACES_ENDPOINT, the network and the firewall")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
