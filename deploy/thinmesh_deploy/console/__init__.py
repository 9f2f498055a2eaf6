"""The console: a page on the admin port that shows what this process knows of the mesh, live."""
