"""Where sound comes from: the protocol every source keeps, and the sources that need no device.

A source is pulled. It wakes the engine when something is there; the engine reads when it can. A live source fills
a ring from its audio thread; a file is read as it is asked for. `ArraySource` and `FileSource` are what the file
command and the tests use.
"""
