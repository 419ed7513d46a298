"""The key by which push services know this installation (RFC 8292); made at first use."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import Defect
from foundation.signing import keep_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

VALID_S = 12 * 3600
"""Push services refuse more than a day."""


class VapidKey:
    """P-256 key in a folder that the platform's user alone reads.

    Raises
    ------
    Unavailable
        ``foundation.blobs.not_writable`` or ``foundation.blobs.disk_full``.
    Defect
        ``patrol.notice.bad_key``: the file is no such key.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "push.pem"

    @cached_property
    def public(self) -> str:
        """Public point, uncompressed, base64url: what the browser asks its push service with."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return _base64url(point)

    def authorization(self, audience: str, contact: str, now: datetime) -> str:
        """Header of a push request: a token signed with ES256 for one push service."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        claims = {"aud": audience, "exp": int(now.timestamp()) + VALID_S, "sub": contact}
        signed = ".".join(
            _base64url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims)
        )
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ECDSA(SHA256())))
        token = f"{signed}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
        return f"vapid t={token}, k={self.public}"

    @cached_property
    def _key(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if not self._file.is_file():
            self._make()
        try:
            key = load_pem_private_key(self._file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise Defect("patrol.notice.bad_key", folder=str(self._file.parent)) from error
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise Defect("patrol.notice.bad_key", folder=str(self._file.parent))
        return key

    def _make(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        pem = generate_private_key(SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        keep_key(self._file, pem)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
