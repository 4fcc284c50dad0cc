"""Whether a newer Undertext is published: asked only where a person wants it, and told. Nothing is fetched."""
