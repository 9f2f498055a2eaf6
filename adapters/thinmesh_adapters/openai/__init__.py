"""The adapter for any engine that speaks OpenAI's REST API."""
