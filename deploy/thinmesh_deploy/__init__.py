"""Which processes there are, and how they are started."""
