"""Unchanged tritonclients, by gRPC and by REST, against the mesh in front of a real Triton."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from canaries import PROMPT
from engines.triton_engine import triton_engine
from launch import Running, mesh

client: Any = import_module("tritonclient.grpc")  # untyped
aio_client: Any = import_module("tritonclient.grpc.aio")
http_client: Any = import_module("tritonclient.http")
InferenceServerException: Any = import_module("tritonclient.utils").InferenceServerException

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
tenants: {dev: {}}
backends:
  triton:
    adapter: triton
    options:
      address: ADDRESS
      text:
        llm: {}
        trt:
          names:
            stream: streaming
            parameters: null
            knobs: {max_tokens: sampling_param_max_tokens, temperature: sampling_param_temperature}
            flags: [return_finish_reason, sampling_param_exclude_input_from_output]
models:
  trt: {backends: [triton]}
  echo: {backends: [triton], aliases: [mirror]}
  count: {backends: [triton]}
  queued: {backends: [triton]}
  llm: {backends: [triton]}
"""
SECONDS = 0.25
"""What the mesh promises: from the client's leaving to the engine's last response."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tm-", dir="/tmp") as made:
        yield Path(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(folder: Path) -> AsyncIterator[Running]:
    async with triton_engine(folder) as address, mesh(CONFIG.replace("ADDRESS", address), folder / "state", "up") as running:
        yield running


def numbers(rows: int, make: Any = client.InferInput) -> Any:
    tensor = make("NUMBERS", [rows, 2], "FP32")
    tensor.set_data_from_numpy(np.arange(rows * 2, dtype=np.float32).reshape(rows, 2))
    return tensor


def counting(to: int, make: Any = client.InferInput) -> Any:
    tensor = make("COUNT", [1], "INT32")
    tensor.set_data_from_numpy(np.array([to], dtype=np.int32))
    return tensor


async def test_the_sync_client_infers_and_asks(running: Running) -> None:
    headers = dict(running.headers)

    def work() -> None:
        with client.InferenceServerClient(running.grpc) as server:
            assert server.is_server_live(headers=headers)
            assert server.is_server_ready(headers=headers)
            assert server.is_model_ready("echo", headers=headers)
            assert server.get_server_metadata(headers=headers).name == "thinmesh"
            metadata = server.get_model_metadata("mirror", headers=headers)
            assert (metadata.name, [one.name for one in metadata.inputs]) == ("mirror", ["NUMBERS", "WORDS"])
            assert server.get_model_config("echo", headers=headers).config.backend == "python"
            words = client.InferInput("WORDS", [2], "BYTES")
            words.set_data_from_numpy(np.array(["가".encode(), b""], dtype=object))
            answer = server.infer("mirror", [numbers(3), words], request_id="r1", headers=headers)
            assert (answer.get_response().id, answer.get_response().model_name) == ("r1", "mirror")
            assert np.array_equal(answer.as_numpy("NUMBERS_OUT"), np.arange(6, dtype=np.float32).reshape(3, 2))
            assert list(answer.as_numpy("WORDS_OUT")) == ["가".encode(), b""]
            statistics = server.get_inference_statistics("echo", headers=headers).model_stats
            assert [one.name for one in statistics] == ["echo"]
            assert statistics[0].inference_stats.success.count >= 1

    await asyncio.to_thread(work)


@pytest.mark.parametrize("binary", [False, True])
async def test_the_http_client_infers_in_json_and_in_bytes(running: Running, binary: bool) -> None:
    sent = {
        "NUMBERS": np.arange(6, dtype=np.float32).reshape(3, 2),
        "WORDS": np.array(["가".encode(), b"", b"\xff" if binary else b"a"], dtype=object),
    }

    def work() -> None:
        with http_client.InferenceServerClient(running.http.removeprefix("http://")) as server:
            inputs = [
                http_client.InferInput("NUMBERS", [3, 2], "FP32").set_data_from_numpy(sent["NUMBERS"], binary_data=binary),
                http_client.InferInput("WORDS", [3], "BYTES").set_data_from_numpy(sent["WORDS"], binary_data=binary),
            ]
            outputs = [http_client.InferRequestedOutput(f"{name}_OUT", binary_data=binary) for name in sent]
            for wanted in (outputs, None) if binary else (outputs,):  # without a list the client asks for bytes
                answer = server.infer("mirror", inputs, "1", wanted, "r1", headers=dict(running.headers))
                assert (answer.get_response()["id"], answer.get_response()["model_name"]) == ("r1", "mirror")
                assert np.array_equal(answer.as_numpy("NUMBERS_OUT"), sent["NUMBERS"])
                said = [word if binary else word.encode() for word in answer.as_numpy("WORDS_OUT")]
                assert said == list(sent["WORDS"])
                assert ("data" in answer.get_output("NUMBERS_OUT")) is not binary

    await asyncio.to_thread(work)


async def test_the_http_client_asks_what_the_grpc_client_asks(running: Running) -> None:
    headers = dict(running.headers)

    def work() -> None:
        with http_client.InferenceServerClient(running.http.removeprefix("http://")) as server:
            assert server.is_server_live(headers=headers)
            assert server.is_server_ready(headers=headers)
            assert not server.is_server_live()
            assert server.is_model_ready("echo", headers=headers)
            assert server.is_model_ready("echo", "1", headers=headers)
            assert not server.is_model_ready("nobody", headers=headers)
            assert server.get_server_metadata(headers=headers)["name"] == "thinmesh"
            metadata = server.get_model_metadata("mirror", headers=headers)
            assert (metadata["name"], metadata["versions"]) == ("mirror", ["1"])
            assert metadata["inputs"][0] == {"name": "NUMBERS", "datatype": "FP32", "shape": [-1, 2]}
            config = server.get_model_config("echo", headers=headers)
            assert (config["backend"], config["input"][0]["dims"]) == ("python", [-1, 2])
            (statistics,) = server.get_inference_statistics("echo", "1", headers=headers)["model_stats"]
            assert (statistics["name"], type(statistics["inference_stats"]["success"]["count"])) == ("echo", int)

    await asyncio.to_thread(work)


async def test_the_http_client_is_told_what_is_wrong(running: Running) -> None:
    def work() -> None:
        with http_client.InferenceServerClient(running.http.removeprefix("http://")) as server:

            def refused(match: str, model: str = "echo", columns: int = 2, **options: Any) -> str:
                tensor = http_client.InferInput("NUMBERS", [1, 2], "FP32")
                tensor.set_data_from_numpy(np.zeros((1, 2), dtype=np.float32)).set_shape([1, columns])
                with pytest.raises(InferenceServerException, match=match) as raised:
                    server.infer(model, [tensor], **{"headers": dict(running.headers)} | options)
                return str(raised.value.status())

            assert refused("8 bytes", columns=3) == "400"
            assert refused("nobody", model="nobody") == "404"
            assert refused("key", headers={}) == "401"
            assert refused("content-encoding", request_compression_algorithm="gzip") == "400"
            assert refused("Sequences", sequence_id=1) == "400"
            with pytest.raises(InferenceServerException, match="no route") as raised:
                server.get_model_repository_index(headers=dict(running.headers))
            assert raised.value.status() == "404"

    await asyncio.to_thread(work)


async def test_the_sync_client_streams_many_requests_over_one_stream(running: Running) -> None:
    said: list[tuple[Any, Any]] = []

    def work() -> None:
        with client.InferenceServerClient(running.grpc) as server:
            server.start_stream(lambda result, error: said.append((result, error)), headers=dict(running.headers))
            for name, to in (("a", 5), ("b", 3)):
                server.async_stream_infer("count", [counting(to)], request_id=name, enable_empty_final_response=True)
            server.async_stream_infer("echo", [numbers(1)], request_id="c")
            server.async_stream_infer("nobody", [numbers(1)], request_id="d")
            server.stop_stream()

    await asyncio.to_thread(work)
    found: dict[str, list[int]] = {}
    for result, error in said:
        if error is not None:
            assert "nobody" in str(error)
            continue
        response = result.get_response()
        number = result.as_numpy("NUMBER")
        if number is not None:
            found.setdefault(response.id, []).append(int(number[0]))
    assert found == {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2]}
    assert sum(error is not None for _, error in said) == 1
    assert any(result is not None and result.get_response().id == "c" for result, _ in said)


async def test_the_aio_client_infers_streams_and_cancels(running: Running, folder: Path) -> None:
    mark = folder / "cancelled"
    mark.unlink(missing_ok=True)
    async with aio_client.InferenceServerClient(running.grpc) as server:
        assert await server.is_model_ready("count", headers=running.headers)
        answer = await server.infer("echo", [numbers(2, aio_client.InferInput)], headers=running.headers)
        assert answer.as_numpy("NUMBERS_OUT").shape == (2, 2)

        async def requests() -> AsyncIterator[dict[str, Any]]:
            yield {"model_name": "count", "inputs": [counting(1000, aio_client.InferInput)], "request_id": "gone"}
            await asyncio.Event().wait()

        stream = server.stream_infer(requests(), headers=running.headers)
        result, error = await anext(aiter(stream))
        assert error is None
        assert result.as_numpy("NUMBER")[0] == 0
        stream.cancel()
        async with asyncio.timeout(SECONDS):
            while not mark.exists():
                await asyncio.sleep(0.005)
    assert mark.read_text().startswith("gone")


async def test_wrong_bytes_never_reach_the_engine(running: Running) -> None:
    async with aio_client.InferenceServerClient(running.grpc) as server:
        tensor = numbers(3, aio_client.InferInput)
        tensor.set_shape([4, 2])
        with pytest.raises(InferenceServerException, match="24 bytes") as raised:
            await server.infer("echo", [tensor], headers=running.headers)
        assert raised.value.status() == "StatusCode.INVALID_ARGUMENT"


async def test_what_is_an_operators_is_refused_and_strangers_are_not_let_in(running: Running) -> None:
    async with aio_client.InferenceServerClient(running.grpc) as server:
        for call in (
            server.get_model_repository_index(headers=running.headers),
            server.load_model("echo", headers=running.headers),
            server.get_system_shared_memory_status(headers=running.headers),
            server.get_log_settings(headers=running.headers),
        ):
            with pytest.raises(InferenceServerException) as raised:
                await call
            assert raised.value.status() == "StatusCode.PERMISSION_DENIED"
        for call in (server.is_server_live(), server.infer("echo", [numbers(1, aio_client.InferInput)])):
            with pytest.raises(InferenceServerException) as raised:
                await call
            assert raised.value.status() == "StatusCode.UNAUTHENTICATED"


async def test_a_wait_too_long_is_told_and_whom_a_full_engine_refused_has_its_turn_later(running: Running) -> None:
    async with aio_client.InferenceServerClient(running.grpc) as server:

        async def ask(**options: Any) -> str:
            tensor = aio_client.InferInput("X", [1, 1], "INT32")
            tensor.set_data_from_numpy(np.array([[1]], dtype=np.int32))
            try:
                await server.infer("queued", [tensor], headers=running.headers, **options)
            except InferenceServerException as error:
                return str(error.status())
            return "OK"

        late = await asyncio.gather(*(ask(timeout=100_000) for _ in range(4)))
        assert set(late) == {"OK", "StatusCode.DEADLINE_EXCEEDED"}
        assert await asyncio.gather(*(ask() for _ in range(12))) == ["OK"] * 12


async def test_other_tensor_names_speak_openais_api_by_configuration(running: Running) -> None:
    body = {"model": "trt", "prompt": "the sea is blue", "max_tokens": 2, "temperature": 0}
    async with aiohttp.ClientSession(headers=running.headers) as session:
        async with session.post(f"{running.http}/v1/completions", json=body) as response:
            answer = await response.json()
        assert (answer["choices"][0]["text"], answer["choices"][0]["finish_reason"]) == ("the sea", "length")
        assert answer["usage"]["completion_tokens"] == 2
        async with session.post(f"{running.http}/v1/completions", json=body | {"top_k": 3}) as response:
            assert (response.status, (await response.json())["error"]["param"]) == (400, "top_k")


async def test_leaving_a_text_stream_cancels_it_at_the_engine(running: Running, folder: Path) -> None:
    mark = folder / "cancelled"
    mark.unlink(missing_ok=True)
    body = {"model": "llm", "prompt": PROMPT, "max_tokens": 4000, "ignore_eos": True, "stream": True}
    async with aiohttp.ClientSession(headers=running.headers) as session:
        async with session.post(f"{running.http}/v1/completions", json=body) as response:
            assert response.status == 200
            await response.content.readline()
            response.close()
        async with asyncio.timeout(SECONDS):
            while not mark.exists():
                await asyncio.sleep(0.005)
