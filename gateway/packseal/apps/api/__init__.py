"""The passport service's HTTP interface for programs, /api/v1."""

from packseal.apps.api.routes import api_app

__all__ = ["api_app"]
