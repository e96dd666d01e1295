"""The header that names a download (RFC 6266): the same text whether we send it or a bucket does. Pure."""

from urllib.parse import quote


def content_disposition(kind: str, filename: str) -> str:
    """Return Content-Disposition with an ASCII fallback and the exact name (RFC 6266 §4.3, RFC 8187)."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in filename)
    header = f'{kind}; filename="{plain}"'
    return header if plain == filename else f"{header}; filename*=UTF-8''{quote(filename, safe='')}"
