"""Spans by OpenTelemetry's library, sent to a collector by OTLP over gRPC: in a thread of its own, which nobody waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as SdkSpan

from thinmesh_core.telemetry import SPANS_DROPPED
from thinmesh_core.traces.config import TracesConfig
from thinmesh_core.traces.spans import Attributes, Kind, Span

MOST = 4096
"""Spans that may wait for the collector; more are dropped and counted."""

EVERY_MS = 1000
"""How long a span waits for others to be sent with."""

SEND_SECONDS = 2
"""What the collector may take for a batch."""

CLOSE_SECONDS = 3.0
"""What it has at the end for all that is left."""

_KINDS = {Kind.SERVER: SpanKind.SERVER, Kind.CLIENT: SpanKind.CLIENT}
_ERROR = "error.type"


class Otlp:
    """The spans of one process."""

    def __init__(self, config: TracesConfig, service: str, bounded: Bounded | None = None) -> None:
        self._bounded = bounded or Bounded(OTLPSpanExporter(config.otlp, timeout=SEND_SECONDS))
        provider = TracerProvider(
            ParentBased(TraceIdRatioBased(config.sample)),
            Resource.create({"service.name": service}),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._bounded)
        self._tracer = provider.get_tracer("thinmesh")

    def begin(self, name: str, kind: Kind, context: str | None, since: float | None = None) -> Span | None:
        """A span below the one that the context names, or of a trace of its own."""
        around = Context()
        if context is not None:
            parent = _parsed(context)
            if not parent.trace_flags.sampled:
                return None
            around = set_span_in_context(NonRecordingSpan(parent), around)
        began = None if since is None else time.time_ns() - int((time.perf_counter() - since) * 1e9)
        return _Span(self._tracer.start_span(name, around, _KINDS[kind], start_time=began))

    def close(self) -> None:
        """Sends what is left, as far as the collector takes it in time. It blocks."""
        closing = threading.Thread(target=self._bounded.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


class Bounded(BatchSpanProcessor):
    """Drops and counts what is too much, or was not taken."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._waiting = _Waiting(exporter)
        super().__init__(self._waiting, max_queue_size=MOST, schedule_delay_millis=EVERY_MS)

    def on_end(self, span: ReadableSpan) -> None:
        """Takes a span; it waits for nothing."""
        if self._waiting.take():
            super().on_end(span)


class _Waiting(SpanExporter):
    """Knows how many spans are on their way."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._count = 0
        self._counting = threading.Lock()

    def take(self) -> bool:
        """One more, if there is room."""
        with self._counting:
            room = self._count < MOST
            self._count += room
        if not room:
            SPANS_DROPPED.inc()
        return room

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends a batch."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            with self._counting:
                self._count -= len(spans)
            if result is not SpanExportResult.SUCCESS:
                SPANS_DROPPED.inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Closes the connection."""
        self._exporter.shutdown()


class _Span:
    """One of the library's."""

    __slots__ = ("_span", "context", "kept")

    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        known = span.get_span_context()
        self.context = f"00-{known.trace_id:032x}-{known.span_id:016x}-{known.trace_flags:02x}"
        self.kept = span.is_recording()

    def end(self, name: str, attributes: Attributes, error: str | None) -> None:
        """Ends it."""
        if self.kept:
            self._span.update_name(name)
            self._span.set_attributes(attributes)
            if error is not None:
                self._span.set_attribute(_ERROR, error)
                self._span.set_status(Status(StatusCode.ERROR))
            self._span.end()


def _parsed(context: str) -> SpanContext:
    _, trace, span, flags = context.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
