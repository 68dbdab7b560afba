"""Proposals that more than one runbook makes, with parameters that the case or the settings tell."""

from collections.abc import Sequence

from spine.case import Case, Proposal
from tasks.mitigations.jwks_refresh import APART, SPEC


def snapshot() -> Proposal:
    """Keep what was seen."""
    return Proposal(action_key="evidence.snapshot", verify="the snapshot's hash is in the timeline")


def refresh(case: Case, issuers: Sequence[str]) -> list[Proposal]:
    """Let verifiers read the key sets of `issuers` again; none when no issuer is known."""
    if not issuers:
        return []
    return [
        Proposal(
            action_key=SPEC.key,
            targets=tuple(issuers[: SPEC.max_targets]),
            params={"epoch": int(case.now.timestamp()) // APART * APART},
            verify="each verifier reports jwks_refreshed, and accepts the new key",
        )
    ]


def issuer_of(case: Case, provider: str) -> str | None:
    """The issuer that the settings have for an identity provider, as the diagnosis read it; None = it did not."""
    answer = case.answers.get("oidc_discovery")
    found = (check for check in answer.checks if check.name == f"{provider}.issuer") if answer else iter(())
    named = next((check.observed.get("configured") for check in found), None)
    return named if isinstance(named, str) and named else None


def uncured(beyond: str) -> tuple[str, ...]:
    """What a plan lists where none of its actions helps, so that whoever reads it knows what to do."""
    return (f"an action that mends this: {beyond}",) if beyond else ()
