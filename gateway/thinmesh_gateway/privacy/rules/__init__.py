"""Which shapes are which entity, in the order in which they are tried at a place. Pure."""
