"""The limits of every channel of the mesh, in-process or network, and the gRPC options that set them."""

from __future__ import annotations

MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Largest request, on REST and on gRPC."""

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""Largest answer: 2048 vectors of 4096 dimensions fit."""

MAX_RECORD_BYTES = 3584 * 1024
"""Largest record of a response, with its conversation: it fits a request."""

MAX_METADATA_BYTES = 6 * 1024
"""Largest metadata, counted as HTTP/2 does (32 bytes a pair more). Above 8 KiB grpc refuses some and lets others pass."""

METADATA_PAIR_OVERHEAD = 32

Options = tuple[tuple[str, int | str], ...]

# A frozen peer is found by an unanswered ping: grpc.http2.ping_timeout_ms decides, its default is a minute.
CLIENT_OPTIONS: Options = (
    ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
    ("grpc.max_send_message_length", MAX_REQUEST_BYTES),
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    ("grpc.http2.ping_timeout_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_retries", 0),
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    # A replaced backend gets connections of its own, not those of the one before it.
    ("grpc.use_local_subchannel_pool", 1),
    # A part that was restarted is used within a second, however long it was away; one that is far has 2 s to shake hands.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)

# Engines keep their own rules for pings, and close on a peer that sends too many: their silence is the watchdogs' to find.
ENGINE_OPTIONS: Options = (
    ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
    ("grpc.max_send_message_length", MAX_REQUEST_BYTES),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)

SERVER_OPTIONS: Options = (
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", MAX_RESPONSE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.http2.min_ping_interval_without_data_ms", 500),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 500),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.ping_timeout_ms", 5_000),
    # It would let 16 MiB of each call come that nobody reads yet.
    ("grpc.http2.bdp_probe", 0),
    # Two servers on one port would share its calls by chance; a port in use is an error to report.
    ("grpc.so_reuseport", 0),
)
