"""Types of the messages that engines share in smg-grpc-proto, so far as the mesh touches them."""

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class GetTokenizerRequest(Message): ...
class GetTokenizerChunk(Message):
    data: bytes
    sha256: str
    def __init__(self, *, data: bytes | None = ..., sha256: str | None = ...) -> None: ...
