"""Decides which call goes when and where."""
