"""vLLM's own gRPC server behind the contract: tokens in, tokens out; text is made of them here."""
