"""A real nginx, rendered from thinmesh.yaml, in front of two meshes that are whole in one process each."""

from __future__ import annotations

from pathlib import Path

from canaries import PROMPT
from edge import fronted
from launch import ECHO
from openai.types.chat import ChatCompletionMessageParam

SAID: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]


async def test_the_openai_sdk_through_tls(state: Path) -> None:
    async with fronted(ECHO, state) as front, front.openai() as client:
        answer = await client.chat.completions.create(model="echo", messages=SAID)
        assert answer.choices[0].message.content == PROMPT
        chunks = await client.chat.completions.create(model="echo", messages=SAID, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in chunks]) == PROMPT
