"""What strangers hand on to engines, looked at before anything is queued: patterns, schemas, grammars and images."""
