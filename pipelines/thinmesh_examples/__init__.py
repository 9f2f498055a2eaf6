"""Pipelines to begin from: copy one into a package of your own."""
