"""A registry and a connector of tests on loopback ports, and our clients of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from packseal.exchange.catenax.connector import asset
from packseal.exchange.catenax.egress import Secrets
from packseal.exchange.catenax.odrl import DPP_PURPOSE, FRAMEWORK, access_policy, usage_policy
from packseal.io.catenax_connector import Connector, Offer
from packseal.io.catenax_notifier import ENDED, Notifier
from packseal.io.catenax_registry import TwinRegistry
from packseal.io.circuit_breaker import CircuitBreaker
from packseal.io.partner_http import NOTHING, PartnerHTTP
from tests.exchange.test_catenax_shells import CUSTOMER
from tests.sim.aas_contract import REGISTRY, AASContract
from tests.sim.connector import ConnectorWorld
from tests.sim.server import Served
from tests.sim.twin_registry import BASE, TwinRegistryWorld

SECRETS = Secrets(("Kathoden GmbH",), (CUSTOMER,))
USAGE = usage_policy("dpp", {"framework_agreement": FRAMEWORK, "usage_purpose": [DPP_PURPOSE]})
ACCESS = access_policy("partners", {"membership": "active", "business_partner_number": [CUSTOMER]})
SEMANTIC_ID = "urn:samm:io.admin-shell.idta.batterypass.product_condition:1.0.1#ProductCondition"


def offer(*asset_ids: str, backend_url: str = "https://passports.example/submodel") -> Offer:
    assets = tuple(asset(one, SEMANTIC_ID, backend_url, "passport-service") for one in asset_ids)
    return Offer("offer-1", assets, ACCESS, USAGE)


@dataclass
class Site:
    """waited_s: what our clients waited for, which takes no time here."""

    registry_world: TwinRegistryWorld
    connector_world: ConnectorWorld
    registry_server: Served
    connector_server: Served
    waited_s: list[float] = field(default_factory=list)
    key: str = "management-key-of-the-test"

    def http(
        self,
        url: str,
        headers: Callable[[], Mapping[str, str]] = lambda: NOTHING,
        renew: Callable[[], None] | None = None,
        timeout_s: float = 10,
    ) -> PartnerHTTP:
        return PartnerHTTP(
            url,
            headers=headers,
            renew=renew,
            renewed_at=ENDED if renew else (),
            wait=self.waited_s.append,
            timeout_s=timeout_s,
            is_private_allowed=True,
            breaker=CircuitBreaker(lambda: 0.0, failures=100),
        )

    def registry(self, **more: object) -> TwinRegistry:
        return TwinRegistry(self.http(self.registry_server.url + BASE, **more), SECRETS)  # type: ignore[arg-type]

    def management(self, **more: object) -> PartnerHTTP:
        key = {"X-Api-Key": self.key}
        return self.http(f"{self.connector_server.url}/management", lambda: key, **more)  # type: ignore[arg-type]

    def connector(self, **more: object) -> Connector:
        return Connector(self.management(**more), SECRETS)

    def notifier(self) -> Notifier:
        return Notifier(self.management(), self.http, self.waited_s.append)


@contextmanager
def site(shared: Path) -> Iterator[Site]:
    registry, connector = TwinRegistryWorld(AASContract(shared, REGISTRY)), ConnectorWorld()
    with Served(registry.app()) as registry_server, Served(connector.app()) as connector_server:
        connector.url = connector_server.url
        yield Site(registry, connector, registry_server, connector_server)
    assert registry.broken == []
