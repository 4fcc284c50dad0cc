"""Sound devices and streams; no Qt in here."""
