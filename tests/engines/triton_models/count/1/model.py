"""Counts, one response every 10 ms; leaves a mark in the test's folder when it is cancelled."""

import os
import threading
import time
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            threading.Thread(target=self._count, args=(request, request.get_response_sender()), daemon=True).start()

    def _count(self, request, sender):
        count = int(pb_utils.get_input_tensor_by_name(request, "COUNT").as_numpy()[0])
        for number in range(count):
            if sender.is_cancelled():
                (Path(os.environ["TRITON_TEST_FOLDER"]) / "cancelled").write_text(f"{request.request_id()} {number}")
                break
            sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("NUMBER", np.array([number], dtype=np.int32))]))
            time.sleep(0.01)
        sender.send(flags=FINAL)
