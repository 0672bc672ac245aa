"""The figures of a search: the configurations it tried, in their order."""
