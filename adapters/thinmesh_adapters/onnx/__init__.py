"""The adapter that runs sentence encoders on onnxruntime."""
