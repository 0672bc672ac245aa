"""What a study writes: records, tables and where they come from."""
