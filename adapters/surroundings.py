"""What libraries would read from the environment of this process, taken out of it.

The settings of the process are its only settings. libpq, botocore, httpx, uvicorn, typer and OpenSSL each know dozens
of variables: a stray PGTZ stops every connection, PGHOSTADDR and a proxy send data elsewhere, AWS_CSM_ENABLED reports
every call to a host of its own, SSLKEYLOGFILE writes down the secrets of TLS. Some of them no argument can override.
"""

import os
import re
from collections.abc import MutableMapping
from typing import Final

_PREFIXES: Final = (
    "AWS_",  # botocore, boto3
    "BOTO",  # BOTO_CONFIG; BOTOCORE_EXPERIMENTAL__PLUGINS imports what it names
    "PG",  # libpq
    "PSYCOPG_",
    "UVICORN_",
    "OPENSSL_",
)
_NAMES: Final = frozenset(
    {
        "ALL_PROXY", "FTP_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "WS_PROXY", "WSS_PROXY",
        "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "SSLKEYLOGFILE",
        "NETRC",
        "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS",
        "TERMINAL_WIDTH",  # typer wants a number in it
        "KRB5_CONFIG", "KRB5CCNAME", "KRB5_KTNAME",
    }
)  # fmt: skip
_READ_BY_LIBRARIES: Final = re.compile(rf"(?:{'|'.join(_PREFIXES)}).*|{'|'.join(sorted(_NAMES))}", re.IGNORECASE)


def forget_surroundings(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove every variable that only a library would read; before the first of them is imported, where possible."""
    for name in [one for one in environment if _READ_BY_LIBRARIES.fullmatch(one)]:
        environment.pop(name, None)
