"""What is speech, which span to decode, which words are final: pure decisions."""
