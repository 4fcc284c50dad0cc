"""What the decoder asks of a GPU for a token: in plain torch, in Triton, and its floor."""

import os

# A product and a sum become one instruction. Triton 3.9 does so by itself, and warns that later ones will not.
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")
