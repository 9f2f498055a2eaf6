"""Webhooks: who wants to know is told that a job has ended."""
