"""What a cluster needs that no Python package brings, and how to get it."""

import importlib.util
import shutil

from spine.errors import Refused
from spine.settings import Settings


def require(settings: Settings) -> None:
    """Check that everything is here.

    Raises:
        Refused: something is missing; says what to install.
    """
    if importlib.util.find_spec("prefect_redis") is None:
        raise Refused(
            "cluster.prefect_redis",
            "Several Prefect servers share their messages through Redis, and the package for it is missing. Nothing "
            "was started. Install this project with its extra: pip install 'opsspine[cluster]'.",
        )
    if settings.redis_url is None and shutil.which("redis-server") is None:
        raise Refused(
            "cluster.redis",
            "A cluster needs Redis, and `redis-server` is not installed. Nothing was started. On Debian or Ubuntu: "
            "apt-get install -y --no-install-recommends redis-server (its service need not run), on macOS: brew "
            "install redis. Or name a Redis of yours: REDIS_URL=redis://:<password>@<host>:6379/0.",
        )
