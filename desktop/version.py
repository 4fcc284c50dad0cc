"""The version of Undertext, from which everything else has it."""

VERSION = "0.1.0"
