"""The vault: who reported, sealed with a key that lies outside the database."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation.errors import Defect
from foundation.signing import keep_key
from patrol.citizens.reports import Identity

KEY_BYTES = 32
NONCE_BYTES = 12


class Vault:
    """Seals and opens identities with AES-256-GCM; the report's id is bound to the sealed bytes.

    Parameters
    ----------
    folder : Path
        Of the installation's keys; the key is made at first use, readable by its owner alone.

    References
    ----------
    NIST SP 800-38D.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "reporters.key"

    def put(self, session: Session, report_id: UUID, identity: Identity) -> None:
        """Seal an identity beside its report."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        plain = json.dumps({"name": identity.name, "phone": identity.phone}).encode()
        sealed = nonce + AESGCM(self._key()).encrypt(nonce, plain, report_id.bytes)
        session.execute(
            text("INSERT INTO vault.reporter (report_id, sealed) VALUES (:id, :sealed)"),
            {"id": report_id, "sealed": sealed},
        )

    def open(self, session: Session, report_id: UUID) -> Identity:
        """The identity of one report; empty for an anonymous one.

        Raises
        ------
        Defect
            ``patrol.citizen.vault_broken``: another key, or changed bytes.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        sealed = session.execute(
            text("SELECT sealed FROM vault.reporter WHERE report_id = :id"), {"id": report_id}
        ).scalar()
        if sealed is None:
            return Identity()
        data = bytes(cast(bytes, sealed))
        try:
            plain = AESGCM(self._key()).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], report_id.bytes)
        except InvalidTag as error:
            raise Defect("patrol.citizen.vault_broken") from error
        return Identity(**json.loads(plain))

    def _key(self) -> bytes:
        if not self._file.is_file():
            keep_key(self._file, os.urandom(KEY_BYTES))
        key = self._file.read_bytes()
        if len(key) != KEY_BYTES:
            raise Defect("patrol.citizen.vault_broken")
        return key
