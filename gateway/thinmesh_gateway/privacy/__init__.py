"""What is personal in texts: found, masked on the way in, restored and masked on the way out. Pure: no I/O and no clock."""
