"""What the computer plays, captured without a virtual cable: one file an operating system."""
