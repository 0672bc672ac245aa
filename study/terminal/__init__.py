"""What a session shows in the terminal."""
