"""Responses of OpenAI's Responses API, as they are kept."""
