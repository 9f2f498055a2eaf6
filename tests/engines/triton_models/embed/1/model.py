"""Turns texts into vectors of their bytes' sums."""

import numpy as np
import triton_python_backend_utils as pb_utils

WIDTH = 8


class TritonPythonModel:
    def execute(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        texts = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy().reshape(-1)
        vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)
        for row, text in enumerate(texts):
            for at, byte in enumerate(text):
                vectors[row, at % WIDTH] += byte
        return pb_utils.InferenceResponse([pb_utils.Tensor("VECTOR", vectors)])
