"""An mdoc from end to end: certificates, a signer elsewhere, and the two ways in which a holder proves his key.

    python examples/mdoc.py

One process plays all parts. Half a day needs no status list; examples/identity_provider.py issues for longer.
"""

from __future__ import annotations

import datetime
import secrets
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

import citizenid as cid
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusStore
from citizenid.verifier import VerifiedPresentation, verify

NAME, CLIENT_ID, URI = "https://id.example", "x509_san_dns:gateway.example", "https://gateway.example/citizenship"
TYPE, MDOC, BOTH = "org.citizenid.citizenship.1", cid.Format.MDOC, [cid.Country("US"), cid.Country("FR")]
YEAR, COUNTRY = datetime.timedelta(days=365), x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "US")
SIGNS_MDOCS = x509.ObjectIdentifier("1.0.18013.5.1.2")  # the purpose of a document signer


class HSM:
    """Stands for a signer that is elsewhere: it shows a public key and gives raw signatures, r || s."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        self.public = cid.PublicKey.from_pem(self.key.public_key().public_bytes(*form))

    def sign(self, data: bytes, /) -> bytes:
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def certificate(name: str, key: HSM, issuer: str, issuer_key: HSM) -> x509.Certificate:
    """Certify an IACA, which issues itself, or a document signer, as specs/profile-mdoc.md section 9 has them."""
    subject, above = (x509.Name([COUNTRY, x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in (name, issuer))
    begin, root, public = datetime.datetime.now(datetime.UTC), name == issuer, key.key.public_key()
    serial, signs = x509.random_serial_number(), x509.KeyUsage(not root, *[False] * 4, root, root, False, False)
    role = x509.BasicConstraints(True, 0) if root else x509.ExtendedKeyUsage([SIGNS_MDOCS])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.key.public_key())
    made = x509.CertificateBuilder(above, subject, public, serial, begin, begin + YEAR)
    made = made.add_extension(signs, critical=True).add_extension(role, critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return made.add_extension(identifier, critical=False).sign(issuer_key.key, hashes.SHA256())


def issue_show_verify(issuer: Issuer, anchors: cid.TrustAnchors, key: cid.SigningKey | cid.AgreementKey) -> None:
    """Issue for a holder's key, show "citizen of US" of two citizenships and nothing else, and verify."""
    now, reader = int(time.time()), cid.AgreementKey.generate("P-256")
    stated = prepare_attestation(cid.Citizenship(citizenships=BOTH), issuer=NAME, holder_key=key.public, now=now,
                                 lifetime_s=43_200, status=None, format=MDOC)  # fmt: skip
    mine = Credential.receive(issuer.issue(stated, format=MDOC), format=MDOC, anchors=anchors, now=now)
    # OpenID4VP by direct_post, the answer encrypted to `reader`. The verifier has its private half, a wallet the other.
    asked = {"client_id": CLIENT_ID, "nonce": secrets.token_urlsafe(), "response_uri": URI}
    asked["jwk_thumbprint"] = reader.public.thumbprint
    to_wallet, own = (cid.Challenge.openid4vp(**asked, reader_key=half) for half in (reader.public, reader))
    shown = mine.present([(TYPE, "citizen_of_us")], challenge=to_wallet, key=key, peer=CLIENT_ID, now=now)
    lists = StatusStore(anchors=cid.TrustAnchors())
    result = verify(shown, format=MDOC, anchors=anchors, challenge=own, statuses=lists, now=now)
    assert type(result) is VerifiedPresentation  # else a status list is missing; a refusal is an exception
    print(f"{type(key).__name__}: {result.citizenship.citizenships} shown by {[*result.attestation.claims[TYPE]]}")


if __name__ == "__main__":
    iaca, signer = HSM(), HSM()
    root, leaf = certificate("IACA", iaca, "IACA", iaca), certificate("Signer", signer, "IACA", iaca)
    idp = Issuer(identifier=NAME, key=signer, certificates=[leaf.public_bytes(serialization.Encoding.DER)])
    scope = {"purpose": cid.KeyPurpose.CREDENTIAL, "formats": [MDOC], "types": [TYPE], "countries": BOTH}
    trusted = cid.TrustAnchors.from_certificates(root.public_bytes(serialization.Encoding.PEM), issuer=NAME, **scope)
    issue_show_verify(idp, trusted, cid.LocalKey.generate("ES256"))  # a signature: deviceSignature
    issue_show_verify(idp, trusted, cid.AgreementKey.generate("P-256"))  # a MAC, for this verifier alone: deviceMac
