"""What a text says, checked in code: titles it cites, what it claims of them, its decision, its words."""
