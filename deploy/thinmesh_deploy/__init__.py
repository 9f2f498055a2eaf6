"""Which processes there are, and how they are started."""

import os

# grpc's fork handlers warn whenever a child process is started; nothing here forks without exec. Read when grpc loads.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
