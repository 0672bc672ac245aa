"""What a study comes to ask for while it runs: a search's suggestions, its winners again, more seeds. No ray."""
