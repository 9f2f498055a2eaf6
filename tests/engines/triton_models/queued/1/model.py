"""Takes half a second for one request at a time, and tells in which order they came."""

import time

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self._served = 0

    def execute(self, requests):
        answers = []
        for _ in requests:
            time.sleep(0.5)
            self._served += 1
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("Y", np.array([[self._served]], dtype=np.int32))]))
        return answers
