"""Engines behind the contract."""
