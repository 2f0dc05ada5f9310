"""The passport service's HTTP interface for programs, /api/v1."""

from packseal.apps.api.routes import Taking, api_app

__all__ = ["Taking", "api_app"]
