"""Models trained from what people labelled and from simulated worlds, and held against the one in use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ml import bundle, sample
from ml.card import card
from ml.fit import LEAST_OF_EACH, fit
from ml.judge import Figures, figures, judge
from ml.sample import HISTORY, Sample
from spine.errors import Refused
from spine.outcome import Outcome
from spine.settings import Settings
from store import models, outcomes
from store.engine import Database
from store.models import StoredModel
from store.secrets import Vault

_WORSE_BRIER = 0.005
"""A challenger's probabilities may be worse by this, and count as no worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A challenger and the model in use, on incidents that neither of them learnt from."""

    champion: int
    """Number of the model in use."""
    champion_figures: Figures
    challenger_figures: Figures
    better: bool
    """The challenger is, clearly."""

    def told(self) -> dict[str, Any]:
        """The contest for a model card."""
        return {
            "champion": self.champion, "better": self.better, "champion_figures": self.champion_figures.told(),
            "challenger_figures": self.challenger_figures.told(),
        }  # fmt: skip


def read_samples(database: Database, settings: Settings, now: datetime) -> list[Sample]:
    """All there is to learn from: simulated worlds that were given once, then labelled incidents, oldest first."""
    with database.system() as connection:
        worlds = outcomes.samples(connection)
        history = outcomes.examples(connection, now - timedelta(days=settings.ml.history_days))
    return [sample.of_line(line) for line in worlds] + [sample.of_history(row) for row in history]


def keep_samples(database: Database, lines: Sequence[Mapping[str, Any]]) -> None:
    """Keep the examples of simulated worlds, in the place of earlier ones of the same worlds.

    Raises:
        Refused: one of them is no example; none is kept.
    """
    for line in lines:
        if sample.of_line(line).world == HISTORY:
            raise Refused("sample.world", "A world cannot be called 'history'; rename it. Nothing was kept.")
    with database.system() as connection:
        outcomes.put_samples(connection, lines)


def train(database: Database, settings: Settings, now: datetime) -> StoredModel:
    """Train a challenger on all there is, judge it on what is held back, and keep it with its card.

    Raises:
        Refused: there are too few examples.
    """
    samples = read_samples(database, settings, now)
    examples = sample.table(samples)
    judged = judge(examples)
    model = fit(examples, judged.ranker)
    told = card(model, judged, samples, examples)
    held = contest(database, settings, samples)
    key = Vault.of(settings).model_key()
    with database.system() as connection:
        return models.put(
            connection, bundle.dumped(model), told | {"contest": held.told() if held else None}, key=key, now=now
        )


def contest(database: Database, settings: Settings, samples: Sequence[Sample]) -> Contest | None:
    """The model in use against one trained without the newest incidents, on these; None = it cannot be told.

    The newest are those that were labelled of incidents after all that the model in use learnt from.
    """
    with database.system() as connection:
        champion = models.champion(connection)
    if champion is None:
        return None
    since = _learnt_to(champion)
    new = [one for one in samples if one.world == HISTORY and one.opened_at > since]
    known = [one for one in samples if not (one.world == HISTORY and one.opened_at > since)]
    real = sum(one.outcome is Outcome.REAL for one in new)
    if min(real, len(new) - real) < LEAST_OF_EACH:
        return None
    try:
        with database.system() as connection:
            body = models.trusted(connection, champion, Vault.of(settings).model_key())
        old = bundle.loaded(body)
    except Refused:  # scoring has told of it; a challenger is made all the same
        return None
    half = len(new) // 2  # a challenger may learn from the older half of what is new; the newer half is held back
    young, held = fit(sample.table(known + new[:half]), old.ranker), sample.table(new[half:])
    before, after = figures(old, held), figures(young, held)
    gain = (after.ndcg5 or 0.0) - (before.ndcg5 or 0.0)
    better = gain >= settings.ml.min_gain_ndcg and after.brier <= before.brier + _WORSE_BRIER
    return Contest(champion=champion.number, champion_figures=before, challenger_figures=after, better=better)


def evaluate(database: Database, settings: Settings, model: StoredModel, now: datetime) -> dict[str, Any]:
    """What the card says of a model, and how it does on incidents that were labelled after it was made.

    Raises:
        Refused: it is not to be trusted.
    """
    with database.system() as connection:
        body = models.trusted(connection, model, Vault.of(settings).model_key())
    since = _learnt_to(model)
    new = [one for one in read_samples(database, settings, now) if one.world == HISTORY and one.opened_at > since]
    live = figures(bundle.loaded(body), sample.table(new)).told() if new else None
    return {"model": model.number, "held_out": model.card["held_out"], "since": live}


def new_labels(database: Database, settings: Settings, now: datetime) -> int:
    """How many labelled incidents have come since the newest model."""
    with database.system() as connection:
        made = models.listed(connection)
        history = outcomes.examples(connection, now - timedelta(days=settings.ml.history_days))
    since = max((one.made_at for one in made), default=None)
    return sum(since is None or row["said_at"] > since for row in history)


def _learnt_to(model: StoredModel) -> datetime:
    """When the newest incident of this installation opened that a model learnt from, else when it was made."""
    to = model.card.get("learnt_to")
    return datetime.fromisoformat(to) if to else model.made_at
