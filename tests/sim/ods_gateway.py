"""A simulated gateway of Open Data Spaces (L2): checks its headers, and passes all else on unchanged."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request

from tests.sim.ods_identity import Identity
from tests.sim.ouranos_contract import Contract
from tests.sim.ouranos_data import data_app
from tests.sim.ouranos_world import Refusal


class Gateway:
    """logged: the headers X-ODS-… of each request, as its log would have them."""

    def __init__(self, identity: Identity, contract: Contract) -> None:
        self.logged: list[dict[str, str]] = []
        self.tracking: list[str] = []
        self._identity = identity
        self.app: Starlette = data_app(identity.platform, contract, self._who())

    def _who(self) -> Callable[[Request], str]:
        def who(request: Request) -> str:
            self.logged.append({name: one for name, one in request.headers.items() if name.startswith("x-ods-")})
            tracking = request.headers.get("x-trackingid", "")
            try:
                self.tracking.append(str(uuid.UUID(tracking)))
            except ValueError:
                raise Refusal(400, "[dataspace] BadRequest", "Invalid request parameters") from None
            return self._identity.holder(request)

        return who
