"""The installation's own key: what it hands out is signed, and anyone verifies it with openssl.

RSA with 3,072 bits and PKCS #1 v1.5 over SHA-256: the same bytes always get the same signature, and every
openssl of the last twenty years verifies it with ``openssl dgst -sha256 -verify``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from foundation.blobs import storage_error
from foundation.errors import Defect

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

BITS = 3072


class InstallationKey:
    """Key of one installation, kept in its data folder; made at first use.

    Parameters
    ----------
    folder : Path
        Readable by the platform's user alone.

    Raises
    ------
    Unavailable
        ``foundation.blobs.not_writable`` or ``foundation.blobs.disk_full``.
    Defect
        ``foundation.signing.bad_key``: the file is no such key.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "installation.pem"

    def sign(self, data: bytes) -> bytes:
        """Signature over bytes, as ``openssl dgst -sha256 -sign`` makes it."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        return self._key.sign(data, PKCS1v15(), SHA256())

    @cached_property
    def public_pem(self) -> bytes:
        """Public key, as ``openssl dgst -verify`` reads it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key file, in hex."""
        return fingerprint_of(self.public_pem)

    @cached_property
    def _key(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if not self._file.is_file():
            self._make()
        try:
            key = load_pem_private_key(self._file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise Defect("foundation.signing.bad_key", folder=str(self._file.parent)) from error
        if not isinstance(key, RSAPrivateKey):
            raise Defect("foundation.signing.bad_key", folder=str(self._file.parent))
        return key

    def _make(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        made = generate_private_key(public_exponent=65537, key_size=BITS)
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        keep_key(self._file, pem)


def keep_key(file: Path, pem: bytes) -> None:
    """Write a private key once, whole, readable by its owner alone; a key that is there already stays.

    Of two processes that both made one, the first to link wins: read the file afterwards.

    Raises
    ------
    Unavailable
        ``foundation.blobs.not_writable`` or ``foundation.blobs.disk_full``.
    """
    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NamedTemporaryFile(dir=folder, prefix="key-", delete=False) as made:
            place = Path(made.name)
            made.write(pem)
            made.flush()
            os.fsync(made.fileno())
        place.chmod(0o400)
        with contextlib.suppress(FileExistsError):
            os.link(place, file)
        place.unlink()
    except OSError as error:
        raise storage_error(error, folder) from error


def fingerprint_of(public_pem: bytes) -> str:
    """SHA-256 of a public key file, in hex: what is read out over the telephone."""
    return hashlib.sha256(public_pem).hexdigest()


def is_signed_by(public_pem: bytes, data: bytes, signature: bytes) -> bool:
    """Whether a signature over these bytes was made with this key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_pem)
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(signature, data, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
