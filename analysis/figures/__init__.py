"""One module a figure: `info` returns the numbers, `draw` turns them into a picture."""
