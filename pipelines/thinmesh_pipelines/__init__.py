"""What must survive a restart: jobs, held by Temporal."""
