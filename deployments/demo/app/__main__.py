"""`python -m deployments.demo.app`: serve the application; settings are in SHOP_* variables."""

import uvicorn

from deployments.demo.app.setting import shop_settings
from deployments.demo.app.web import create_app


def main() -> None:
    """Serve until told to stop."""
    settings = shop_settings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        proxy_headers=False,  # the application itself decides whose X-Forwarded-For it believes
    )


if __name__ == "__main__":
    main()
