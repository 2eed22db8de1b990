"""Access tokens and identity certificates in a Python backend.

    from token_sample import access_token
    token = access_token(os.environ["MUSUBI_SECRET"], app="racer", sub=user.id)

The secret is what `musubi token keygen` prints: KID=ALG:BASE64. Keep it in the backend; the server gets the other half. HS256
needs the standard library only, EdDSA the package cryptography.
"""
import base64
import hashlib
import hmac
import json
import sys
import time


def _encode(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def _decode(s):
    return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))


def sign(secret, typ, claims):
    """A JWS; typ is "JWT" for a token, "musubi-id" for a certificate."""
    kid, rest = secret.split("=", 1)
    alg, coded = rest.split(":", 1)
    key = _decode(coded)
    signed = ".".join(_encode(json.dumps(part, separators=(",", ":"), ensure_ascii=False).encode())
                      for part in ({"alg": alg, "kid": kid, "typ": typ}, claims))
    if alg == "EdDSA":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        made = Ed25519PrivateKey.from_private_bytes(key).sign(signed.encode())
    elif alg == "HS256":
        made = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    else:
        raise ValueError("algorithm %r is not one of EdDSA, HS256" % alg)
    return signed + "." + _encode(made)


def access_token(secret, app, sub, seconds=3600, **more):
    """Lets a player use the server for so many seconds, at most 86400. more: room, perm, relay, priv, cnf."""
    return sign(secret, "JWT", {"app": app, "sub": sub, "exp": int(time.time()) + seconds, **more})


def certificate(secret, app, sub, public_key, seconds=7 * 86400):
    """Says whose key this is: public_key is what the game's musubi_identity gave, 32 bytes."""
    return sign(secret, "musubi-id", {"app": app, "sub": sub, "exp": int(time.time()) + seconds, "cnf": _encode(public_key)})


if __name__ == "__main__":  # python3 token_sample.py SECRET TYP CLAIMS [SECRET TYP CLAIMS ...]: signs claims in JSON as they are
    for i in range(1, len(sys.argv), 3):
        print(sign(sys.argv[i], sys.argv[i + 1], json.loads(sys.argv[i + 2])))
