"""Hook points: where code of other people listens in, and where it may say no. It can never say yes.

A plug-in is an object (or a module) with some of the five functions, installed with an entry point of the group
`opsspine.hooks`. What it is given is a copy; what it returns is ignored, but for a `Veto` of `before_action`. Each call
runs in a thread of its own against the clock: one that raises or hangs is isolated, reported and counted, and the spine
goes on (docs/plug-ins.md).
"""

import queue
import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import entry_points
from typing import Any
from uuid import UUID

from spine.event import Event
from spine.ids import IncidentId, TenantId
from spine.incident import Incident
from spine.lease import Lease
from spine.plan import Decision, Step
from spine.redact import redact_text
from spine.settings.hook import HookSettings

GROUP = "opsspine.hooks"
"""Of entry points."""


class Hook(StrEnum):
    """The points, by the names of their functions."""

    ON_EVENT = "on_event"
    """Events were taken in over HTTP. Gets `EventsTaken`."""
    ON_INCIDENT = "on_incident"
    """An incident opened or grew. Gets `IncidentSeen`."""
    ON_DECISION = "on_decision"
    """A plan was frozen. Gets `DecisionMade`."""
    BEFORE_ACTION = "before_action"
    """A step is about to run, everything else has been checked. Gets `ActionAsked`; may return a `Veto`."""
    AFTER_ACTION = "after_action"
    """A step has run, or its outcome is not known yet. Gets `ActionDone`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsTaken:
    """Events of one request, those that were known already among them."""

    tenant: TenantId
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSeen:
    """An incident as it is now."""

    tenant: TenantId
    incident: Incident
    opened: bool
    """False = it was there, and more was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """A frozen plan."""

    tenant: TenantId
    decision: Decision
    by: str
    """ "engine", or who wanted it by hand: "person:<email>", "key:<name>"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionAsked:
    """A step of a plan that passed its gate and every guard."""

    tenant: TenantId
    incident_id: IncidentId
    decision_id: UUID
    step: Step
    drill: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDone:
    """What became of a step. A resumed run may tell it again."""

    tenant: TenantId
    incident_id: IncidentId
    step: Step
    lease: Lease


Told = EventsTaken | IncidentSeen | DecisionMade | ActionAsked | ActionDone


@dataclass(frozen=True, slots=True)
class Veto:
    """The word of a plug-in against an action; `because` is shown to people and audited."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A plug-in did not do what it should."""

    plugin: str
    hook: str
    """The point, or "load"."""
    kind: str
    """raised | hung | missing | nonsense | benched."""
    error: str
    tenant: TenantId | None = None


Report = Callable[[Fault], None]
_LONGEST = 300


class Hooks:
    """The plug-ins of one process. Safe to be called from several threads."""

    def __init__(self, plugins: Mapping[str, object], settings: HookSettings, report: Report) -> None:
        self._plugins, self._settings, self._report = dict(plugins), settings, report
        self._hung: dict[str, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def installed(cls, settings: HookSettings, report: Report) -> "Hooks":
        """Those of this installation; one that cannot be loaded is reported and left out."""
        found: dict[str, object] = {}
        for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
            try:
                loaded = point.load()
                found[point.name] = loaded() if isinstance(loaded, type) else loaded
            except Exception as error:  # whatever code of other people raises
                report(Fault(plugin=point.name, hook="load", kind="raised", error=_said(error)))
        return cls(found, settings, report)

    def listens(self, hook: Hook) -> bool:
        """True when somebody wants to hear of `hook`."""
        return any(callable(getattr(plugin, hook.value, None)) for plugin in self._plugins.values())

    def observe(self, hook: Hook, told: Told) -> None:
        """Tell everybody who listens; nothing that they do or return matters."""
        for name, plugin in self._plugins.items():
            self._call(name, plugin, hook, told)

    def vetoes(self, asked: ActionAsked) -> list[str]:
        """Every word against an action; [] = nobody says no."""
        against = []
        for name in sorted({*self._plugins, *self._settings.required}):
            answer = self._asked(name, asked)
            if isinstance(answer, Veto):
                against.append(f"the plug-in {name} says no: {redact_text(answer.because)[:_LONGEST]}")
        return against

    def _asked(self, name: str, asked: ActionAsked) -> Veto | None:
        plugin, required = self._plugins.get(name), name in self._settings.required
        if plugin is None:
            self._tell(name, Hook.BEFORE_ACTION.value, "missing", "it is required and not installed", asked)
            return Veto("it is required and not installed")
        answer = self._call(name, plugin, Hook.BEFORE_ACTION, asked)
        if isinstance(answer, Fault):
            return Veto(f"it is required, and {answer.kind}: {answer.error}") if required else None
        if answer is not None and not isinstance(answer, Veto):
            said = f"it returned {type(answer).__name__}; only a Veto or None means anything"
            self._tell(name, Hook.BEFORE_ACTION.value, "nonsense", said, asked)
            return Veto(f"it is required, and {said}") if required else None
        return answer

    def _call(self, name: str, plugin: object, hook: Hook, told: Told) -> Any:
        """What the plug-in returned; a Fault when it raised, hung, or hung too often before."""
        function = getattr(plugin, hook.value, None)
        if not callable(function):
            return None
        if self._hung.get(name, 0) >= self._settings.most_hangs:
            return Fault(plugin=name, hook=hook.value, kind="benched", error="it hung too often", tenant=told.tenant)
        answered: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        thread = threading.Thread(
            target=_run, args=(function, deepcopy(told), answered), name=f"hook-{name}", daemon=True
        )
        thread.start()
        try:
            worked, answer = answered.get(timeout=self._settings.timeout_seconds)
        except queue.Empty:
            with self._lock:
                self._hung[name] = self._hung.get(name, 0) + 1
            return self._tell(name, hook.value, "hung", f"no answer in {self._settings.timeout_seconds:g} s", told)
        return answer if worked else self._tell(name, hook.value, "raised", answer, told)

    def _tell(self, name: str, hook: str, kind: str, error: str, told: Told) -> Fault:
        fault = Fault(plugin=name, hook=hook, kind=kind, error=error[:_LONGEST], tenant=told.tenant)
        self._report(fault)
        return fault


def _run(function: Callable[[Told], Any], told: Told, answered: "queue.SimpleQueue[tuple[bool, Any]]") -> None:
    try:
        answered.put((True, function(told)))
    except BaseException as error:  # also SystemExit: it is the plug-in's, not ours
        answered.put((False, _said(error)))


def _said(error: BaseException) -> str:
    return redact_text(f"{type(error).__name__}: {error}")[:_LONGEST]
