"""How much a study will train, and how long it will take."""
