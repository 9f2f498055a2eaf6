"""vLLM's Rust frontend behind the contract, by its protocol in protos/third_party/vllm."""
