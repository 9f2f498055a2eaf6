"""What jobs carry, as Temporal and the object store see it: encrypted, and out of Temporal where it is large."""
