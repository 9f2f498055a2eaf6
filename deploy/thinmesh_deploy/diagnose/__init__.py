"""`thinmesh diagnose`: why a model is slow, or down."""
