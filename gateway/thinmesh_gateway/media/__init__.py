"""Images that requests name by an address: fetched by the gateway where the configuration says so, never by an engine."""
