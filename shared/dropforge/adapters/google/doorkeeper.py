"""Who comes to the console, as Google's Identity-Aware Proxy says.

https://cloud.google.com/iap/docs/signed-headers-howto: the proxy signs whom it let in; its other headers could be
forged by anybody who comes in another way.
"""

from collections.abc import Mapping
from functools import partial

from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from dropforge.domain.errors import NotPermitted, Unavailable

_KEYS = "https://www.gstatic.com/iap/verify/public_key"
_ISSUER = "https://cloud.google.com/iap"
_SIGNED = "x-goog-iap-jwt-assertion"
_PATIENCE = 5  # seconds, for the keys: somebody waits
_SKEW = 30  # seconds by which the clocks may differ


class IdentityAwareProxy:
    """Believes what the proxy signed for this console, and nothing else."""

    def __init__(self, audience: str, keys: str = _KEYS) -> None:
        self._audience = audience
        self._keys = keys

    def who(self, headers: Mapping[str, str]) -> str:
        """See `Doorkeeper.who`."""
        signed = headers.get(_SIGNED, "")
        if not signed:
            raise NotPermitted("this request did not come through Identity-Aware Proxy: open the console's own address")
        try:
            said = id_token.verify_token(
                signed,
                partial(Request(), timeout=_PATIENCE),
                audience=self._audience,
                certs_url=self._keys,
                clock_skew_in_seconds=_SKEW,
            )
        except TransportError as error:
            raise Unavailable("the keys of Identity-Aware Proxy could not be fetched: try again") from error
        except (GoogleAuthError, ValueError) as error:
            raise NotPermitted(
                "what Identity-Aware Proxy is said to have signed does not hold: sign in anew; if that does not help, "
                "DROPFORGE_IAP_AUDIENCE is not what the proxy signs for"
            ) from error
        email = said.get("email")
        if said.get("iss") != _ISSUER or not isinstance(email, str) or not email:
            raise NotPermitted(
                "Identity-Aware Proxy did not say who this is: sign in with an account that has an address"
            )
        return email
