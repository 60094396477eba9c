"""The six alignment tasks as conversations (sections 2.2 to 2.4)."""
