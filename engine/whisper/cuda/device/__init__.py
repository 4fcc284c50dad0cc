"""The processor behind the engine: streams, events, graphs, page-locked memory."""
