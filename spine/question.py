"""What the diagnostics of a case are asked: read off the case, so that a runbook only names them."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from spine.case import Case
from spine.detect.subject import provider_of
from spine.diagnostic import Question
from spine.family import Fate


def question_of(case: Case) -> Question:
    """The question about `case` at its time; providers, keys and redirects are those its failures name."""
    failed = case.logins[case.logins["fate"] == Fate.FAILED]
    subject = provider_of(case.incident.subject)
    named = {subject} if subject else set(failed["provider"].dropna().astype(str))
    unknown = failed[said(failed, "reject_reason") == "unknown_kid"]
    return Question(
        tenant_id=case.incident.tenant_id,
        now=case.now,
        since=case.window_start,
        attack_start=min(case.incident.first_event_at, case.now),
        addresses=case.suspects,
        providers=frozenset(named),
        rejected_kids=frozenset(unknown["kid"].dropna().astype(str)),
        redirect_hashes=frozenset(str(value) for value in said(failed, "redirect_hash").dropna()),
    )


def said(rows: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """One attribute of every row; None where it says nothing."""
    return pd.Series(list(_values(rows, name)), index=rows.index, dtype=object)


def _values(rows: pd.DataFrame, name: str) -> Iterator[Any]:
    for one in rows["attributes"]:
        yield one.get(name) if isinstance(one, Mapping) else None
