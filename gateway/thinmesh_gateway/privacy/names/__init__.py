"""Persons' names in requests, by a tagger of Korean in a process of its own: the extra `names`."""
