"""What the decoder asks of a GPU for a token: in plain torch, in Triton, and its floor."""
