"""What strangers' tools need of the installation's certificate authority: its certificate, and what it has revoked. For everybody."""

from __future__ import annotations

from io import BytesIO

from flask import Blueprint, send_file
from werkzeug.wrappers import Response

from web.current import engine, public

authority = Blueprint("authority", __name__, url_prefix="/authority")


@authority.get("/certificate")
@public
def certificate() -> Response:
    pem = engine.authority_pem().encode()
    return send_file(
        BytesIO(pem), "application/x-pem-file", as_attachment=True, download_name="authority.pem"
    )


@authority.get("/crl")
@authority.get("/crl/<int:id>")
@public
def crl(id: int | None = None) -> Response:
    """The list of revoked certificates, as ``CRLDistributionPoints`` of every certificate names it."""
    name = "authority.crl" if id is None else f"authority-{id}.crl"
    return send_file(
        BytesIO(engine.revocation_list(id)), "application/pkix-crl", as_attachment=True, download_name=name
    )
