"""What a local language model may word: it proposes, checks decide, and a person agrees."""
