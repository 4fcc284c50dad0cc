"""The models one can have: what is published, what is here, and where the bytes come from."""
