"""What a run needs is imported before it is forked."""

import subprocess
import sys

PROGRAM = """
import sys
from datetime import UTC, datetime
from deployments.warm.server import _import_everything
_import_everything()
before = set(sys.modules)
from flows.context import database, settings
from tasks.detecting import tick
tick(database(), settings(), datetime.now(UTC))
print(sorted(n for n in set(sys.modules) - before if n.split('.')[0] in OURS))
""".replace("OURS", "{'spine', 'store', 'tasks', 'runbooks', 'flows', 'blocks', 'scipy', 'pandas', 'datasketches'}")


def test_a_detection_imports_nothing_once_forked(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"DATABASE_URL": database_url, "PATH": ""}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")
