"""Access tokens by OAuth 2.0 client credentials (RFC 6749 section 4.4), as a twin registry's identity provider gives.

A token is kept until shortly before it ends (section 5.1, expires_in), or until the service that it is for refuses it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from packseal.errors import PartnerUnavailableError
from packseal.io.partner_http import PartnerHTTP

EARLY_S = 30.0
MAX_TOKEN_CHARACTERS = 16_384
LONGEST_S = 31_536_000.0  # a year: a longer time is none that was meant
UNSTATED_S = 60.0  # taken where a provider does not say it; who refuses a token earlier gets a new one


def usable_s(lasts_s: float) -> float:
    """How long a token is used: until shortly before it ends, of a short one half of its time."""
    return max(lasts_s - EARLY_S, lasts_s / 2, 0.0)


class ClientCredentials:
    """`headers` and `renew` go to the PartnerHTTP of the service that the tokens are for. For several threads."""

    def __init__(
        self,
        provider: PartnerHTTP,
        path: str,
        client_id: str,
        client_secret: str,
        clock_s: Callable[[], float],
        scope: str = "",
    ) -> None:
        """path: of the token endpoint at the provider. clock_s never runs back."""
        self._provider, self._path, self._clock_s = provider, path, clock_s
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._form |= {"scope": scope} if scope else {}
        self._lock = threading.Lock()
        self._token, self._ends_s = "", clock_s()

    def headers(self) -> Mapping[str, str]:
        """Raises PartnerRefusedError, PartnerUnavailableError."""
        with self._lock:
            if not self._token or self._clock_s() >= self._ends_s:
                self._token, lasts_s = self._fetched()
                self._ends_s = self._clock_s() + usable_s(lasts_s)
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        with self._lock:
            self._token = ""

    def _fetched(self) -> tuple[str, float]:
        answer = self._provider.request("POST", self._path, form=self._form, is_repeatable=True)
        found = answer.json()
        said = found if isinstance(found, dict) else {}
        token, lasts_s = said.get("access_token"), said.get("expires_in", UNSTATED_S)
        if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN_CHARACTERS or not token.isascii():
            raise PartnerUnavailableError(f"{self._provider.base_url}: its answer has no token; ask its operator")
        is_stated = isinstance(lasts_s, int | float) and 0 <= lasts_s <= LONGEST_S  # which no NaN is, either
        return token, float(lasts_s) if is_stated else UNSTATED_S
