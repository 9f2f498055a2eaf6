"""Admits strangers: keys, REST and gRPC."""
