"""A device that writes down what it is asked, and what of that could go wrong on a GPU."""
