"""The same answer for the same idempotency key: a call that is sent twice is made once."""
