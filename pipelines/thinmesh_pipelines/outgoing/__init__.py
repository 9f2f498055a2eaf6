"""HTTP calls that workers make to strangers: webhooks, and the calls of pipelines."""
