"""Spans are dropped and counted where the collector does not take them, and are nothing where traces are off."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import REGISTRY

from thinmesh_core.call import from_metadata
from thinmesh_core.traces import otlp
from thinmesh_core.traces.config import TracesConfig
from thinmesh_core.traces.otlp import Bounded, Otlp
from thinmesh_core.traces.spans import Kind, Traced, begin

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"


class Held(SpanExporter):
    """Takes nothing until it may, and then says how it went."""

    def __init__(self, result: SpanExportResult) -> None:
        self.result = result
        self.may = threading.Event()
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.may.wait(30)
        self.taken += len(spans)
        return self.result

    def shutdown(self) -> None:
        pass


def dropped() -> float:
    return REGISTRY.get_sample_value("thinmesh_spans_dropped_total") or 0


def fill(exporter: Held, count: int) -> None:
    """Ends so many spans while nothing is taken, then has them taken."""
    bounded = Bounded(exporter)
    traces = Otlp(TracesConfig(otlp="http://127.0.0.1:1", sample=1), "test", bounded)
    for _ in range(count):
        span = traces.begin("x", Kind.SERVER, None)
        assert span is not None
        span.end("x", {}, None)
    exporter.may.set()
    traces.close()


def test_what_is_too_much_is_dropped_and_counted_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "MOST", 512)
    exporter, before = Held(SpanExportResult.SUCCESS), dropped()
    fill(exporter, 515)
    assert (exporter.taken, dropped() - before) == (512, 3)


def test_what_the_collector_refuses_is_counted() -> None:
    exporter, before = Held(SpanExportResult.FAILURE), dropped()
    fill(exporter, 5)
    assert dropped() - before == 5


def test_the_callers_decision_holds() -> None:
    traces = Otlp(TracesConfig(otlp="http://127.0.0.1:1", sample=1), "test", Bounded(Held(SpanExportResult.SUCCESS)))
    assert traces.begin("x", Kind.SERVER, PARENT + "0") is None
    span = traces.begin("x", Kind.SERVER, PARENT + "1")
    assert span is not None
    assert span.kept
    assert span.context.startswith(PARENT[:36])
    never = Otlp(TracesConfig(otlp="http://127.0.0.1:1", sample=0), "test", Bounded(Held(SpanExportResult.SUCCESS)))
    unkept = never.begin("x", Kind.SERVER, None)
    assert unkept is not None
    assert not unkept.kept
    assert not int(unkept.context[-2:], 16) & 1  # the hops behind it are told so


def test_where_traces_are_off_a_call_goes_on_as_it_came() -> None:
    call = from_metadata((("traceparent", PARENT + "1"),))
    with Traced("x", Kind.SERVER, call) as traced:
        assert traced.call is call
    assert begin("x", Kind.SERVER, None) is None


def test_where_traces_are_off_the_library_is_not_imported() -> None:
    code = "import sys, thinmesh_deploy.up, thinmesh_deploy.cli; print('opentelemetry' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
