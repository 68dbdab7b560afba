"""`opsspine ml …`: train models that order lists, judge them, put them to use, and take them back."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from deployments.cli.context import database, settings, system
from deployments.cli.operator import operator
from deployments.cli.output import listing, record
from deployments.cli.screen import console
from spine.errors import Refused
from store import models
from store.models import StoredModel

_Number = Annotated[int | None, typer.Argument(help="The model's number; absent = the newest that is not in use.")]
_FIGURES = {
    "ndcg5": "NDCG@5 of the queue's order", "ndcg5_deterministic": "… worst first, oldest first",
    "auc": "AUC of real against other incidents", "auc_deterministic": "… by severity alone",
    "brier": "Brier score of the probability", "brier_of_share": "… of always saying the share of real ones",
    "ece": "Expected calibration error", "cause_accuracy": "Cause named as people named it",
    "examples": "Examples", "real": "Of them real", "queues": "Queues with something to order",
}  # fmt: skip
ml = typer.Typer(
    help="Ranking models: they order lists and show a probability, and decide nothing.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Adds `opsspine ml`."""
    app.add_typer(ml, name="ml")


@ml.command("list")
def list_models() -> None:
    """All models, newest first."""
    with system() as connection:
        found = models.listed(connection)
    listing(
        [_short(one) for one in found],
        {
            "model": lambda one: one["number"],
            "status": lambda one: one["status"],
            "made (UTC)": lambda one: f"{one['made_at']:%Y-%m-%d %H:%M}",
            "examples": lambda one: one["examples"],
            "NDCG@5": lambda one: one["ndcg5"],
            "deterministic": lambda one: one["ndcg5_deterministic"],
            "ECE": lambda one: one["ece"],
        },
        empty="No model yet; lists have the deterministic order. `opsspine ml train` makes one.",
    )


@ml.command()
def train(
    samples: Annotated[
        Path | None,
        typer.Option(
            help="Examples of simulated worlds (`python -m benchmarks.ranking samples`), kept for later models, too.",
            exists=True, dir_okay=False,
        ),
    ] = None,
) -> None:  # fmt: skip
    """Train a challenger on labelled incidents and simulated worlds, and judge it on what is held back."""
    from tasks.ranking.training import keep_samples
    from tasks.ranking.training import train as trained

    lines = _lines(samples) if samples else []
    current = settings()
    opened = database(current)
    if lines:
        keep_samples(opened, lines)
    made = trained(opened, current, datetime.now(UTC))
    opened.close()
    if record(_short(made)):
        _show(made.card["held_out"], f"Model {made.number}, ranked by {made.card['ranker']} weights or trees")
        typer.echo(f"Model {made.number} waits. `opsspine ml promote {made.number}` puts it to use.")


@ml.command()
def evaluate(number: _Number = None) -> None:
    """How good a model is on what it did not learn from: when it was made, and on what was labelled since."""
    from tasks.ranking.promoting import chosen
    from tasks.ranking.training import evaluate as evaluated

    current = settings()
    opened = database(current)
    found = evaluated(opened, current, chosen(opened, number), datetime.now(UTC))
    opened.close()
    if record(found):
        since = {"labelled since": found["since"]} if found["since"] else {}
        _show({**found["held_out"], **since}, f"Model {found['model']}")
        if not since:
            typer.echo("No incident that opened since was labelled; `opsspine incidents label` says what one was.")


@ml.command()
def promote(number: _Number = None) -> None:
    """Put a model to use: lists get its order, incidents its probability. What is decided and done stays the same."""
    from tasks.ranking import promoting

    current = settings()
    opened = database(current)
    done, scored = promoting.promote(opened, current, number, actor=operator(), now=datetime.now(UTC))
    opened.close()
    record({"model": done.number, "scored": scored})
    typer.echo(f"Model {done.number} is in use; {scored}. `opsspine ml rollback` takes it back.")


@ml.command()
def rollback() -> None:
    """Withdraw the model in use for the one before it; without one, lists have the deterministic order again."""
    from tasks.ranking import promoting

    current = settings()
    opened = database(current)
    gone, back, scored = promoting.rollback(opened, current, actor=operator(), now=datetime.now(UTC))
    opened.close()
    record({"withdrawn": gone.number, "model": back.number if back else None, "scored": scored})
    now = f"model {back.number} is in use" if back else "no model is in use"
    typer.echo(f"Model {gone.number} is withdrawn; {now}; {scored}.")


@ml.command()
def card(number: _Number = None) -> None:
    """The model card: figures, data window, features, weights and limits; without a number of the model in use."""
    with system() as connection:
        found = models.numbered(connection, number) if number is not None else models.champion(connection)
    if found is None:
        raise Refused(
            "model.none", "No model is in use; lists have the deterministic order. `opsspine ml list` shows all."
        )
    told = {name: value for name, value in found.card.items() if name != "distribution"}
    if not record({**_short(found), "card": told}):
        return
    _show(told["held_out"], f"Model {found.number} ({found.status.value}), made {found.made_at:%Y-%m-%d %H:%M} UTC")
    window, sources = told["window"], ", ".join(f"{name} {n}" for name, n in told["sources"].items())
    typer.echo(f"Learnt from incidents of {window['from'][:10]} to {window['to'][:10]}: {sources}.")
    typer.echo("Order goes by: " + ", ".join(f"{name} {value:+g}" for name, value in told["weights"].items()))
    for limit in told["limits"]:
        typer.echo(f"- {limit}")
    typer.echo(f"sha256 {found.sha256}")


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise Refused(
            "sample.malformed", f"{file.name} is no file of JSON lines ({error}). Nothing was trained."
        ) from error
    if not all(isinstance(line, dict) for line in lines):
        raise Refused("sample.malformed", f"A line of {file.name} is no JSON object. Nothing was trained.")
    return lines


def _show(held: dict[str, Any], title: str) -> None:
    table = Table("", *held, title=title, title_justify="left", box=None)
    for name, words in _FIGURES.items():
        table.add_row(words, *(_figure(one.get(name)) for one in held.values()))
    console().print(table)


def _figure(value: object) -> str:
    return "cannot be told" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _short(one: StoredModel) -> dict[str, Any]:
    used = one.card.get("used", {})
    return {
        "number": one.number, "status": one.status.value, "made_at": one.made_at, "promoted_at": one.promoted_at,
        "promoted_by": one.promoted_by, "ranker": one.card.get("ranker"), "sha256": one.sha256, **used,
    }  # fmt: skip
