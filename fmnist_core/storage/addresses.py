"""Addresses as text: that of a file on a mirror, and one without secrets to print."""

from urllib.parse import urlsplit, urlunsplit

from fmnist_core.errors import printable


def under(mirror: str, name: str) -> str:
    """Return the address of a file on a mirror; the mirror's query stays at the end.

    Examples
    --------
    >>> under("https://host/data?token=x", "a.gz")
    'https://host/data/a.gz?token=x'
    """
    path, mark, query = mirror.partition("?")
    return f"{path.rstrip('/')}/{name}{mark}{query}"


def shown(url: str) -> str:
    """Return an address that is safe to print or store, without a password or a signed query.

    Examples
    --------
    >>> shown("https://me:secret@host/a.gz?signature=x")
    'https://host/a.gz?...'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not an address)"
    host, path = parts.netloc.rpartition("@")[2], parts.path
    # A password with a slash in it ends the host too early, and so does a missing slash.
    if parts.scheme != "file" and "@" in path and (not host or ":" in host):
        host, path = "...", f"/{path.rpartition('@')[2]}"
    query = "..." if parts.query else ""
    return printable(urlunsplit((parts.scheme, host, path, query, "")))
