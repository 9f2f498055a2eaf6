"""The Open Inference Protocol for strangers: by gRPC, as tritonclient speaks it, and by REST under /v2."""
