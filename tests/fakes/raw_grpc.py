"""A gRPC server that answers with the very bytes that it is given, whatever it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc


class _Raw(grpc.GenericRpcHandler):
    def __init__(self, answers: Mapping[str, bytes], otherwise: bytes | None) -> None:
        self._answers = answers
        self._otherwise = otherwise

    def service(self, handler_call_details: Any) -> Any:
        """One message for every method; a stream of one answers a unary call too."""
        method = handler_call_details.method.rpartition("/")[2]
        answer = self._answers.get(method, self._otherwise)

        async def said(requests: Any, context: Any) -> AsyncIterator[bytes]:
            async for _ in requests:
                break
            yield answer or b""

        return None if answer is None else grpc.stream_stream_rpc_method_handler(said)


@asynccontextmanager
async def raw_grpc(answers: Mapping[str, bytes], otherwise: bytes | None = None) -> AsyncIterator[str]:
    """Its address; `answers` are by method, and a method without one is not implemented unless there is an `otherwise`."""
    server = grpc.aio.server(handlers=[_Raw(answers, otherwise)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
