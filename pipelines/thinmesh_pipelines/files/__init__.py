"""Files that batches are made of and that they give."""
