"""Teaching a Whisper to hear windows as short as the sound, by its own words: no transcripts are needed."""
