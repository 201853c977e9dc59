"""What the explain passes found, made into shares of the growth, and advice."""
