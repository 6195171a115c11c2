"""What a topic is about in words, and the questions that people ask of it."""
