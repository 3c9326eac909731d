"""Egress: HTTP to the world outside, through an allow-list.

A host is allowed by its name and port. An address in a private network is reached only where it, or its network, is listed itself.
The connection goes to the address that was checked: a name that points elsewhere a moment later (DNS rebinding) gains nothing. No
redirect is followed and no proxy is asked.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import SplitResult, quote, urlsplit

from engine.errors import LvzeError, NotAllowed

Address = IPv4Address | IPv6Address
PORTS = {"http": 80, "https": 443}
LARGEST = 1024 * 1024  # bytes of an answer
TIMEOUT = 10.0  # seconds, for all of a call
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
#: addresses that Python calls global and a translator may take inside: RFC 4291 2.5.5.1, RFC 8215, RFC 2765, RFC 3879
_INSIDE = [IPv6Network(one) for one in ("::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "fec0::/10")]
_AS_IS = "/%:=&?~+!$,;'@()*[]-._"  # in a URL's path and query


@dataclass(frozen=True, slots=True)
class AllowList:
    """Where calls may go.

    :ivar hosts: (name, or ``*.`` and a domain for everything below it; port, or None for 80 and 443)
    :ivar networks: (network; port, or None)
    """

    hosts: tuple[tuple[str, int | None], ...] = ()
    networks: tuple[tuple[IPv4Network | IPv6Network, int | None], ...] = ()

    @classmethod
    def parse(cls, text: str) -> AllowList:
        """Words such as ``api.example.org``, ``*.example.org:8443``, ``10.1.2.3:8080``, ``10.0.0.0/8``, ``[fd00::1]:8080``.

        :raises ValueError: the first word that is none
        """
        hosts, networks = [], []
        for word in text.replace(",", " ").split():
            host, port = _host_and_port(word)
            try:
                networks.append((ip_network(host), port))
            except ValueError:
                labels = host.removeprefix("*.").split(".")
                if not all(label and label.replace("-", "a").isalnum() for label in labels) or _numeric(host):
                    raise ValueError(word) from None
                hosts.append((host.lower().encode("idna").decode(), port))
        return cls(tuple(hosts), tuple(networks))

    def names(self, host: str, port: int) -> bool:
        """May this host be asked, by its name?"""
        return any(
            (host == name or (name.startswith("*.") and host.endswith(name[1:])))
            and (port == own if own is not None else port in PORTS.values())
            for name, own in self.hosts
        )

    def lists(self, address: Address, port: int) -> bool:
        """Is this address listed itself, or its network?"""
        return any(address in network and own in (None, port) for network, own in self.networks)


NOWHERE = AllowList()


def _host_and_port(word: str) -> tuple[str, int | None]:
    host, colon, port = word.rpartition(":")
    if word.count(":") > 1 and not word.startswith("["):  # an IPv6 address without a port
        host, colon, port = word, "", ""
    if not colon:
        return word.strip("[]"), None
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(word)
    return host.strip("[]"), int(port)


def _numeric(host: str) -> bool:
    """An address in one of the forms that only resolvers read: ``127.1``, ``0x7f.1``, ``2130706433``."""
    last = host.rpartition(".")[2]
    return last.isdecimal() or last.lower().startswith("0x")


@dataclass(frozen=True, slots=True)
class Answer:
    """:ivar headers: lower-case names"""

    status: int
    headers: Mapping[str, str]
    body: bytes


def call(
    allow: AllowList,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """One request, one answer.

    :param timeout: seconds for all of it, the answer's last byte included
    :raises NotAllowed: ``host-not-allowed``: not in the allow-list, a private address, or no HTTP at all
    :raises LvzeError: ``unreachable``: no connection or no answer in time; ``too-large``: of the answer
    """
    parts = _parts(url)
    host, port = host_of(url)
    addresses = _checked(allow, host, port)
    path = quote(parts.path or "/", safe=_AS_IS) + (
        f"?{quote(parts.query, safe=_AS_IS)}" if parts.query else ""
    )
    context = ssl.create_default_context() if parts.scheme == "https" else None
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection(host, port, context=context)
        if context is not None
        else http.client.HTTPConnection(host, port)
    )
    late = threading.Event()
    try:
        connected = socket.create_connection((str(addresses[0]), port), timeout)
        if context is not None:
            connected = context.wrap_socket(connected, server_hostname=host)
        connection.sock = connected  # so the library does not look the name up again

        def hang_up() -> None:  # a server that sends a byte now and then never runs into a socket's timeout
            late.set()
            with suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

        alarm = threading.Timer(timeout, hang_up)
        alarm.start()
        try:
            connection.request(
                method, path, body, {"Accept-Encoding": "identity", "User-Agent": "lvze", **(headers or {})}
            )
            response = connection.getresponse()
            content = response.read(LARGEST + 1)
        finally:
            alarm.cancel()
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(host, port, timeout if late.is_set() else None, error) from error
    finally:
        connection.close()
    if late.is_set():
        raise _unreachable(host, port, timeout, None)
    if len(content) > LARGEST:
        raise LvzeError("too-large", f"{host}:{port} 的回应超过 {LARGEST // 1024} KB，没有接收。")
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if any(char <= " " or char == "\x7f" for char in url) or parts.scheme not in PORTS:
            raise ValueError(url)
        if not parts.hostname or parts.username is not None or parts.port == 0:
            raise ValueError(url)
    except ValueError:
        raise NotAllowed(
            "host-not-allowed", "网址应以 http:// 或 https:// 开头，写明主机，不带用户名和空格。"
        ) from None
    return parts


def host_of(url: str) -> tuple[str, int]:
    """The host, in ASCII, and port of an HTTP URL.

    :raises NotAllowed: it is none
    """
    parts = _parts(url)
    host = (parts.hostname or "").rstrip(".")
    try:
        host = host if ":" in host else host.encode("idna").decode()
    except UnicodeError:
        raise _refused(host) from None
    return host, parts.port or PORTS[parts.scheme]


def check(allow: AllowList, url: str) -> None:
    """:raises NotAllowed: by its name alone, this URL is not in the allow-list"""
    host, port = host_of(url)
    if _literal(host) is None and not allow.names(host, port):
        raise _refused(f"{host}:{port}")


def _checked(allow: AllowList, host: str, port: int) -> list[Address]:
    """The host's addresses, every one of which may be reached."""
    literal = _literal(host)
    if literal is not None:
        if not allow.lists(literal, port):
            raise _refused(f"{host}:{port}")
        return [literal]
    if not allow.names(host, port):
        raise _refused(f"{host}:{port}")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _unreachable(host, port, None, error) from error
    addresses = list(dict.fromkeys(ip_address(str(info[4][0]).partition("%")[0]) for info in found))
    for address in addresses:
        if not _public(address) and not allow.lists(address, port):
            raise NotAllowed(
                "host-not-allowed",
                f"{host} 指向内部地址 {address}，不能访问；确需访问时，请管理员把这个地址写进 LVZE_HTTP_ALLOW。",
            )
    return addresses


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _public(address: Address) -> bool:
    """Reachable from everywhere; so must be the IPv4 address that an IPv6 one carries inside."""
    if isinstance(address, IPv6Address):
        if any(address in one for one in _INSIDE):
            return False
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
        if any(one is not None and not _public(one) for one in inner):
            return False
        if address.ipv4_mapped is not None:
            return True
    return address.is_global and not address.is_multicast


def _refused(where: str) -> NotAllowed:
    return NotAllowed(
        "host-not-allowed", f"不允许访问 {where}；确需访问时，请管理员把它写进 LVZE_HTTP_ALLOW。"
    )


def _unreachable(host: str, port: int, timeout: float | None, error: Exception | None) -> LvzeError:
    why = f"{timeout:g} 秒内没有答完" if timeout is not None else str(error) or type(error).__name__
    return LvzeError("unreachable", f"没有得到 {host}:{port} 的回应：{why}。")
