"""Gives its tensors back."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        numbers = pb_utils.get_input_tensor_by_name(request, "NUMBERS").as_numpy()
        words = pb_utils.get_input_tensor_by_name(request, "WORDS")
        said = np.array([b"none"], dtype=object) if words is None else words.as_numpy()
        return pb_utils.InferenceResponse([pb_utils.Tensor("NUMBERS_OUT", numbers), pb_utils.Tensor("WORDS_OUT", said)])
