"""What a run needs is imported before it is forked."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

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


def test_every_flow_that_is_deployed_is_imported_before() -> None:
    """Also in a warm process that was started again, which is no copy of the runner."""
    file = Path(__file__).parents[2] / "prefect.yaml"
    known = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    wanted = sorted({one["entrypoint"].rpartition(".")[0] for one in known})
    assert len(wanted) > 8
    program = "import json, sys\nfrom deployments.warm.server import _import_everything\n_import_everything()\n"
    program += f"print(json.dumps([name for name in {wanted} if name not in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PATH": ""})
    assert json.loads(done.stdout) == []
