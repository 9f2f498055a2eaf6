"""How many replicas a model should have, and how whoever starts and stops them is told."""
