"""NVIDIA Triton behind the contract: tensors as they are, text and embeddings by the names of a model's tensors."""
