"""OpenTelemetry behind the port of spine/trace.py: OTLP over HTTP, and only where an endpoint is set.

Prefect makes spans of runs and tasks itself as soon as a tracer provider is there, and follows the label
`TRACE_LABEL` of a run (blocks/orchestrator.py): that is how a trace goes on from a request into a run.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, Status, StatusCode

from spine import trace
from spine.redact import redact_text
from spine.settings import Settings
from spine.trace import Kind, Value

_FLUSH_MILLISECONDS = 3_000
_PARENT = "traceparent"


class _Recorded:
    """A span that is exported."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        """Call it otherwise."""
        self._span.update_name(name)

    def note(self, **attributes: Value) -> None:
        """Add attributes, secrets hidden."""
        self._span.set_attributes(_safe(attributes))

    def failed(self, because: str) -> None:
        """It did not work."""
        self._span.set_status(Status(StatusCode.ERROR, redact_text(because)[:300]))


class _Tracer:
    """Makes spans with one provider."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("opsspine", version("opsspine"))

    @contextmanager
    def span(self, name: str, kind: Kind, parent: str | None, attributes: Mapping[str, Value]) -> Iterator[_Recorded]:
        """A span around a block. What the block raises marks it, its message with secrets hidden."""
        context = extract({_PARENT: parent}) if parent else None
        with self._tracer.start_as_current_span(
            name, context=context, kind=SpanKind[kind.upper()], attributes=_safe(attributes),
            record_exception=False, set_status_on_exception=False,
        ) as made:  # fmt: skip
            recorded = _Recorded(made)
            try:
                yield recorded
            except Exception as error:
                recorded.failed(f"{type(error).__name__}: {error}")
                raise

    def traceparent(self) -> str | None:
        """The current span, whoever made it; None = there is none."""
        carrier: dict[str, str] = {}
        inject(carrier)
        return carrier.get(_PARENT)


def install(process: str, settings: Settings) -> None:
    """Trace in this process, if an endpoint is set. Starts a thread: call it after every fork."""
    if settings.otlp_endpoint is None or trace.on():
        return
    resource = Resource.create({"service.name": f"opsspine-{process}", "service.version": version("opsspine")})
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(settings.observe.trace_sample))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")))
    otel.set_tracer_provider(provider)
    trace.install(_Tracer(provider))


def flush() -> None:
    """Send what is recorded, before a process ends without ceremony."""
    provider = otel.get_tracer_provider()
    if trace.on() and isinstance(provider, TracerProvider):
        provider.force_flush(_FLUSH_MILLISECONDS)


def _safe(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {name: redact_text(value) if isinstance(value, str) else value for name, value in attributes.items()}
