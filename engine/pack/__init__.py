"""The GPU pack: what a packaged program lacks to compute on a graphics card, brought, tried and taken away again."""
