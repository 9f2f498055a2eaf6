"""Batches: files of requests, each line a call."""
