"""TensorRT-LLM's LLM-API backend in small: its tensor names, around a model that repeats its prompt once."""

import threading

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            threading.Thread(target=self._generate, args=(request, request.get_response_sender()), daemon=True).start()

    def _generate(self, request, sender):
        words = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy().reshape(-1)[0].decode().split()
        most = pb_utils.get_input_tensor_by_name(request, "sampling_param_max_tokens")
        most = len(words) if most is None else int(most.as_numpy().reshape(-1)[0])
        for number, word in enumerate(words[:most]):
            last = number + 1 == min(most, len(words))
            reason = ("length" if most < len(words) else "stop") if last else ""
            piece = (" " if number else "") + word
            sender.send(
                pb_utils.InferenceResponse(
                    [
                        pb_utils.Tensor("text_output", np.array([[piece.encode()]], dtype=object)),
                        pb_utils.Tensor("finish_reason", np.array([[reason.encode()]], dtype=object)),
                    ]
                )
            )
        sender.send(flags=FINAL)
