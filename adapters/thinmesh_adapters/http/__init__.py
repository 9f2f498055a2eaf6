"""HTTP/1.1 towards engines: connections and their reuse. Why it is our own: docs/adr/0015-own-http-client-to-engines.md."""
