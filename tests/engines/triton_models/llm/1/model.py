"""Triton's vLLM backend in small: its tensor names and manners, around a model that says its prompt's words over and over."""

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
ROUNDS = 3
CONTEXT = 4096
TOKEN_SECONDS = 0.002


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            threading.Thread(target=self._generate, args=(request, request.get_response_sender()), daemon=True).start()

    def _generate(self, request, sender):
        prompt = _text(request, "text_input")
        knobs = json.loads(_text(request, "sampling_parameters") or "{}")
        words = prompt.split()
        if len(words) > CONTEXT:
            error = f"The decoder prompt (length {len(words)}) is longer than the maximum model length of {CONTEXT}."
            sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError(error)), flags=FINAL)
            return
        endless = knobs.get("ignore_eos", False)
        most = min(knobs.get("max_tokens", 1 << 30), CONTEXT)
        said, total = "", (1 << 30 if endless else ROUNDS * len(words))
        for number in range(min(most, total)):
            if sender.is_cancelled():
                (Path(os.environ["TRITON_TEST_FOLDER"]) / "cancelled").write_text(f"{request.request_id()} {number}")
                break
            piece = (" " if number else "") + words[number % len(words)]
            stop = next((one for one in knobs.get("stop", []) if one in said + piece), None)
            if stop is not None:
                rest = (said + piece)[len(said) : (said + piece).index(stop)] if (said + piece).index(stop) > len(said) else ""
                self._send(sender, rest, "stop", len(words), number + 1)
                break
            said += piece
            last = number + 1 == min(most, total)
            self._send(sender, piece, ("length" if most < total else "stop") if last else None, len(words), number + 1)
            time.sleep(TOKEN_SECONDS)
        sender.send(flags=FINAL)

    def _send(self, sender, piece, reason, prompt_tokens, tokens):
        outputs = [
            pb_utils.Tensor("text_output", np.array([piece.encode()], dtype=object)),
            pb_utils.Tensor("finish_reason", np.array([str(reason).encode()], dtype=object)),
            pb_utils.Tensor("num_input_tokens", np.array([prompt_tokens], dtype=np.uint32)),
            pb_utils.Tensor("num_output_tokens", np.array([1], dtype=np.uint32)),
        ]
        sender.send(pb_utils.InferenceResponse(outputs))


def _text(request, name):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return None if tensor is None else tensor.as_numpy().reshape(-1)[0].decode()
