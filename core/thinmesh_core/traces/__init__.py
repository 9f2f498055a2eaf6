"""Traces: one span a hop, sent to an OpenTelemetry collector. Never content."""
