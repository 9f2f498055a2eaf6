"""What every process of the mesh needs."""
