"""Who did what with which model, and what was decided: entries in a chain that can be checked, never content."""
