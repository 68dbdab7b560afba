"""What is learnt: a better order than the deterministic one, calibrated probabilities, reasons, the same each time."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from ml.fit import fit
from ml.judge import figures, judge, shown_order
from ml.predict import predict
from ml.sample import of_line, table
from spine.errors import Refused
from spine.ids import IncidentId, mint
from spine.severity import Severity

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def model(made_lines: list[dict[str, Any]]) -> Any:
    return fit(table([of_line(line) for line in made_lines]), "logistic")


def test_worlds_that_were_held_back_are_ordered_better_than_by_severity(model: Any, more_lines: Any) -> None:
    found = figures(model, table([of_line(line) for line in more_lines(worlds=2, seed=9)]))
    assert found.ndcg5 is not None
    assert found.ndcg5_deterministic is not None
    assert found.ndcg5 > found.ndcg5_deterministic + 0.1
    assert found.auc is not None
    assert found.auc > 0.9
    assert found.brier < found.brier_of_share / 2
    assert found.ece < 0.12


def test_trees_must_gain_to_be_preferred(made_lines: list[dict[str, Any]]) -> None:
    judged = judge(table([of_line(line) for line in made_lines]))
    plain, trees = judged.figures["logistic"].ndcg5, judged.figures["boosted"].ndcg5
    assert plain is not None
    assert trees is not None
    assert judged.ranker == ("boosted" if trees - plain >= 0.01 else "logistic")


def test_a_score_tells_its_reasons(model: Any, made_lines: list[dict[str, Any]]) -> None:
    real = next(line for line in made_lines if line["grade"] == 3)
    benign = next(line for line in made_lines if line["grade"] == 0)
    first, second = predict(
        model, 4, [(IncidentId(mint()), real["snapshot"]), (IncidentId(mint()), benign["snapshot"])], NOW
    )
    assert first.rank > second.rank
    assert first.probability > 0.5 > second.probability
    assert second.cause == "retry_storm"
    assert {"users", "margin"} & {reason.feature for reason in first.reasons}
    assert all(reason.effect > 0 for reason in first.reasons if reason.feature == "users")
    assert first.severity >= Severity(real["snapshot"]["severity"])


def test_the_same_examples_give_the_same_scores(model: Any, made_lines: list[dict[str, Any]]) -> None:
    again = fit(table([of_line(line) for line in made_lines]), "logistic")
    wanted = [(IncidentId(mint()), line["snapshot"]) for line in made_lines[:5]]
    assert predict(again, 1, wanted, NOW) == predict(model, 1, wanted, NOW)


def test_names_never_seen_are_judged_by_their_numbers(model: Any) -> None:
    (found,) = predict(model, 1, [(IncidentId(mint()), {"kind": "NEW", "scope": "ring", "class": "odd"})], NOW)
    assert 0 <= found.probability <= 1


def test_what_is_critical_stays_on_top_whatever_a_model_says() -> None:
    order = shown_order([3, 2, 0], [0.0, 0.1, 1.0])
    assert list(np.argsort(-order)) == [0, 2, 1]


def test_a_small_world_beside_much_history_stops_no_training(more_lines: Any) -> None:
    """Without the history nothing could be learnt from the world alone: days are held back instead."""
    history = [line | {"world": "history"} for line in more_lines(worlds=1, days=8)]
    world = [line | {"world": "made/9"} for line in more_lines(worlds=1, days=1, seed=5)]
    examples = table([of_line(line) for line in history + world])
    assert judge(examples).figures["logistic"].examples == len(examples)


def test_too_few_examples_teach_nothing(made_lines: list[dict[str, Any]]) -> None:
    with pytest.raises(Refused, match="10 of each"):
        fit(table([of_line(line) for line in made_lines[:8]]), "logistic")
