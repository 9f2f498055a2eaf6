"""gRPC without a wire: the unchanged generated stubs and servicers, in one process, under the wire's rules.

A call's handler runs inside the caller's own task: reading a streamed message is one step of the handler's generator,
so back-pressure and cancellation need no queue and no second task. See docs/adr/0005-in-process-channel.md.
"""

from thinmesh_core.inprocess.channel import InProcessChannel
from thinmesh_core.inprocess.server import InProcessServer

__all__ = ["InProcessChannel", "InProcessServer"]
