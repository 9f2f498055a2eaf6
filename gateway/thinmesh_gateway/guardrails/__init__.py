"""What looks at a tenant's texts before the engine and after it, and allows, denies or replaces them."""
