"""The OpenAI-compatible REST surface."""
