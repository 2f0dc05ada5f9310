"""The passport service's HTTP interface for programs, /api/v1."""

from packseal.apps.api.fresh import AskFresh
from packseal.apps.api.routes import Taking, WholeMount, api_app

__all__ = ["AskFresh", "Taking", "WholeMount", "api_app"]
