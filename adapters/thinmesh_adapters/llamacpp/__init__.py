"""The adapter that runs llama.cpp, from the xllamacpp wheel."""
